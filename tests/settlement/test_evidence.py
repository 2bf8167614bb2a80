"""The evidence that a gateway gives on a channel proves itself to those who don't trust it."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from gateway.keys import GatewayKeys
from gateway.settlement import evidence, intervals
from gateway.settlement.run import run_settlement
from gateway.store import channels
from gateway.store.engine import Store, open_store
from gateway.verify_bundle import Report, check_bundle
from protocol.evidence import read_bundle
from tests.settlement.fleet import GATEWAY, PRICE, Chain, Fleet
from tests.store.migrated import migrated


def settle(store: Store) -> None:
    assert run_settlement(store, "EUR", GATEWAY.sign, "manual") is not None


def bundle(
    store: Store,
    channel: bytes,
    account: str = "ant",
    at: int = 2**32,
    keys: GatewayKeys = GATEWAY,
) -> bytes:
    with store.read() as conn:
        return evidence.bundle(conn, channel, account, keys, at)


def proven(store: Store, channel: bytes, account: str = "ant") -> Report:
    report = check_bundle(bundle(store, channel, account), [GATEWAY.public])
    assert report.ok, report.checks
    return report


def close(store: Store, channel: bytes) -> None:
    with store.write() as conn:
        intervals.close(conn, channel, "test", 2**33)


@pytest.mark.threat("G1", "G3")
@pytest.mark.parametrize("account", ["ant", "bee"])
def test_all_of_a_channels_life_is_proven(store: Store, account: str) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    report = proven(store, channel, account)
    assert (report.facts["amount"], report.facts["settled"]) == (0, 0)
    fleet.mark(channel, 5)
    assert proven(store, channel, account).facts["settled"] == 0
    settle(store)
    fleet.mark(fleet.open("cat", "bee"), 7)
    fleet.mark_by_tick(channel, 8, Chain(b"secret", 9), 4)
    settle(store)
    fleet.mark(channel, 20)
    report = proven(store, channel, account)
    assert (report.facts["amount"], report.facts["settled"]) == (20 * PRICE, 12 * PRICE)
    close(store, channel)
    settle(store)
    report = proven(store, channel, account)
    assert report.facts["settled"] == 20 * PRICE
    checks = {check.what: check.found for check in report.checks}
    assert "3 of settlement, 1 of close" in checks["receipts"]
    assert "in its signed run: 1, 2, 3" in checks["settled"]
    assert checks["closed"].startswith(f"by the gateway at {20 * PRICE} for 20 units")


def test_a_channel_of_one_account_with_itself_is_proven_from_the_payers_side(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("cat", "cat")
    fleet.mark(channel, 3)
    settle(store)
    report = proven(store, channel, "cat")
    assert "of cat, which pays" in {check.what: check.found for check in report.checks}["settled"]


def test_the_same_state_gives_the_same_file(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 5)
    settle(store)
    assert bundle(store, channel) == bundle(store, channel)
    assert bundle(store, channel) != bundle(store, channel, at=2**32 + 1)
    close(store, channel)
    assert bundle(store, channel) == bundle(store, channel, at=2**32 + 1)


@pytest.mark.threat("G4", "T1")
def test_a_clock_that_was_set_back_makes_no_liar_of_the_gateway(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 5)
    settle(store)
    fleet.mark(channel, 8)
    report = check_bundle(bundle(store, channel, at=1))
    assert report.ok
    receipts = [verdict for _message, verdict in report.messages if verdict.kind == "receipt"]
    assert len(receipts) == 2


def test_a_gateways_later_key_is_proven_to_follow_the_one_in_the_terms(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 5)
    settle(store)
    keys = GATEWAY.followed_by(b"\x09" * 32, 2**31)
    fleet.mark(channel, 8)
    run_settlement(store, "EUR", keys.sign, "manual")
    for held in (keys, keys.without(GATEWAY.public)):
        report = check_bundle(bundle(store, channel, keys=held), [held.public])
        assert report.ok, report.checks
        assert report.facts["settled"] == 8 * PRICE
    report = check_bundle(bundle(store, channel), [GATEWAY.public])
    assert not report.ok


@pytest.mark.threat("D3", "G5")
def test_what_was_kept_is_in_it(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 5)
    with store.write() as conn:
        channels.keep_evidence(conn, channel, "contradiction", fleet.iou(channel, 4), 9)
        channels.keep_evidence(conn, channel, "close", fleet.close_message(channel, 5), 10)
        channels.set_state(conn, channel, "frozen")
    report = proven(store, channel)
    assert any("asked to end the channel" in each for each in report.proves)
    kept = read_bundle(bundle(store, channel)).kept
    assert [kind for kind, _message in kept] == ["iou", "close"]


def test_what_an_earlier_version_settled_is_left_out_and_said_to_be(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 5)
    settle(store)
    with store.write() as conn:
        conn.execute(text("UPDATE interval SET iou = NULL"))
        conn.execute(text("UPDATE run SET message = NULL"))
        conn.execute(text("DELETE FROM statement"))
    fleet.mark(channel, 8)
    settle(store)
    report = proven(store, channel)
    assert report.facts["settled"] == 3 * PRICE
    assert any(f"first {5 * PRICE} were settled" in each for each in report.does_not_prove)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evidence")


@given(st.lists(st.tuples(st.sampled_from("mmst"), st.integers(1, 9)), max_size=12), st.booleans())
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happens_to_a_channel_its_evidence_holds(
    folder: Path, steps: list[tuple[str, int]], closed: bool
) -> None:
    for old in folder.glob("books.db*"):
        old.unlink()
    store = open_store(migrated(folder / "books.db"))
    fleet = Fleet(store)
    channel, other = fleet.open("ant", "bee"), fleet.open("ant", "cat", 1)
    units = 0
    for kind, number in steps:
        if kind == "m":
            units += number
            fleet.mark(channel, units)
            fleet.mark(other, units)
        elif kind == "t":
            fleet.mark_by_tick(channel, units + 1, Chain(bytes([units]) * 32, 9), number)
            units += 1 + number
        else:
            run_settlement(store, "EUR", GATEWAY.sign, "manual")
    if closed:
        close(store, channel)
    for account in ("ant", "bee"):
        report = proven(store, channel, account)
        assert report.facts["amount"] == units * PRICE
        with store.read() as conn:
            row = channels.get(conn, channel)
        if not closed:
            assert report.facts["settled"] == row.settled_amount
    store.close()
