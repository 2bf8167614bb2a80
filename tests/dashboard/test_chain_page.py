"""The chain in the dashboard: a real browser, a real chain, and the gateway's own look at it."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.operations import people
from tests.api.served import served
from tests.chain.conftest import chain, escrow, one_node, tokens
from tests.chain.harbour import DEEP, Harbour
from tests.chain.lookout import Lookout, lookout
from tests.chain.node import Node
from tests.dashboard.axe import CONTRAST, too_wide, violations
from tests.dashboard.browser import DESK, PHONE, Window, window
from tests.dashboard.scene import enter

__all__ = ["chain", "escrow", "one_node", "tokens"]


@pytest.fixture
def here(
    chain: Node, escrow: dict[str, Any], tokens: dict[str, Any], tmp_path: Path
) -> Iterator[Lookout]:
    """A gateway whose accounts have named their addresses, and nothing else."""
    with lookout(tmp_path / "data", Harbour(chain, escrow, tokens["Plain"])) as built:
        yield built


@pytest.fixture
def seen(here: Lookout, chromium: Browser) -> Iterator[Window]:
    """Somebody who may see everything, at the dashboard."""
    with (
        served(here.house.app) as port,
        window(chromium, f"http://127.0.0.1:{port}") as opened,
    ):
        enter(opened, people.invite(here.store, "ada", "admin", "shell:test", []).path)
        yield opened


def test_a_deposit_and_a_run_are_followed_on_the_chains_page(
    here: Lookout, seen: Window, tmp_path: Path
) -> None:
    page = seen.page
    seen.go("/chain")
    expect(page.get_by_text("has not looked at the chain yet")).to_be_visible()
    expect(page.get_by_text("Nobody has deposited yet")).to_be_visible()
    expect(page.get_by_text("Nothing was sent yet")).to_be_visible()
    _keeps_nobody_out(page)

    here.harbour.lock("fleet", 5_000_000)
    here.harbour.lock("stranger", 1)
    here.look()
    row = page.get_by_role("table", name="Deposits").get_by_role("row").filter(has_text="fleet")
    expect(row).to_contain_text("confirming")
    progress = row.get_by_role("progressbar")
    expect(progress).to_have_accessible_name(f"2 of {DEEP} confirmations")
    here.harbour.node.mine(DEEP)
    here.look()
    here.credit()
    expect(row).to_contain_text("credited")
    expect(progress).to_have_attribute("value", str(DEEP))
    expect(page.get_by_text("of no account")).to_be_visible()

    here.house.paid(here.house.device(), 10)
    here.house.client("operator").post("/v1/settlements", json={})
    here.harbour.node.drain()
    here.harbour.node.mine(DEEP)
    here.bring_on()
    here.look()
    sent = page.get_by_role("table", name="Transactions").get_by_role("row")
    expect(sent.filter(has_text="Run 1")).to_contain_text("final")
    expect(page.locator(".figure", has_text="Settlements")).to_contain_text("all that were signed")
    _keeps_nobody_out(page)

    with page.expect_download() as download:
        files = page.get_by_role("group", name="Transactions on the chain as a file")
        files.get_by_role("button", name="CSV").click()
    download.value.save_as(tmp_path / "sent.csv")
    (kept,) = csv.DictReader((tmp_path / "sent.csv").read_text().splitlines())
    (told,) = here.transactions()
    assert (kept["Of"], kept["Transaction"]) == ("Run 1", told["hash"])
    assert kept["Fee"].replace(".", "").lstrip("0") == told["fee"]

    sent.get_by_role("link", name="Run 1").click()
    expect(page.get_by_role("heading", name="Run 1")).to_be_visible()
    expect(page.get_by_role("heading", name="On the chain")).to_be_visible()
    expect(page.get_by_role("table", name="Transactions on the chain")).to_contain_text("final")
    seen.go("/accounts/fleet")
    expect(page.get_by_role("table", name="Deposits on the chain")).to_contain_text("credited")
    assert seen.wrong == []


def test_a_node_that_is_away_is_said_and_what_is_shown_says_how_old_it_is(
    here: Lookout, seen: Window
) -> None:
    here.look()
    rail: Any = here.rails["evm"]
    rail.nodes._urls = ("http://127.0.0.1:9",)
    here.look()
    seen.go("/chain")
    alert = seen.page.get_by_role("alert").filter(has_text="The chain can't be seen")
    expect(alert).to_contain_text(
        "127.0.0.1: does not answer (ConnectError). What is shown was seen"
    )
    expect(seen.page.get_by_text("Last block")).to_be_visible()
    _keeps_nobody_out(seen.page)
    assert seen.wrong == []


def _keeps_nobody_out(page: Page) -> None:
    found = violations(page)
    page.emulate_media(color_scheme="dark")
    found += violations(page, CONTRAST)
    page.set_viewport_size(PHONE)
    found += too_wide(page)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESK)
    assert found == []
