"""The dashboard's files: served to anybody, under a policy that lets nothing else run."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hatchling.builders.wheel import WheelBuilder

from gateway.dashboard import pages
from tests.api.house import House

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "gateway" / "dashboard" / "assets"
SCRIPTS = sorted((ASSETS / "js").rglob("*.js"))
FILES = sorted(each for each in ASSETS.rglob("*") if each.is_file())


@pytest.fixture
def anybody(house: House) -> TestClient:
    """A client without a credential."""
    return house.client(None)


@pytest.mark.threat("O8")
def test_each_file_is_served_to_anybody_under_the_strict_policy(anybody: TestClient) -> None:
    for file in FILES:
        name = file.relative_to(ASSETS).as_posix()
        answer = anybody.get("/" if name == "index.html" else f"/assets/{name}")
        assert (answer.status_code, answer.content) == (200, file.read_bytes()), name
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_what_a_browser_has_is_not_sent_again_until_it_changes(anybody: TestClient) -> None:
    first = anybody.get("/")
    again = anybody.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = anybody.get("/assets/mark.svg", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/assets/", "/assets/none.js", "/assets/..%2fpages.py", "/assets/%2e%2e/pages.py"],
)
def test_nothing_but_these_files_is_served(anybody: TestClient, path: str) -> None:
    assert anybody.get(path).status_code in (401, 404)


def test_the_page_needs_no_credential_and_what_it_shows_does(anybody: TestClient) -> None:
    assert anybody.get("/").status_code == 200
    assert anybody.get("/v1/overview").status_code == 401
    assert anybody.post("/").status_code == 405
    assert not pages.is_page("/v1/overview")


@pytest.mark.threat("D15")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.name)
def test_no_script_makes_markup_or_code_of_text(script: Path) -> None:
    """The policy forbids it too; this names the file before a browser does."""
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert not re.search(forbidden, script.read_text())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.name)
def test_every_import_of_a_script_is_a_file_of_ours(script: Path) -> None:
    statements = r'^import .*?"([^"]+)";$|\bimport\("([^"]+)"\)'
    for found in re.findall(statements, script.read_text(), re.MULTILINE):
        target = "".join(found)
        assert target.startswith("."), target
        assert (script.parent / target).resolve().is_file(), target


def test_the_page_holds_no_inline_script_or_style_and_loads_only_its_own() -> None:
    page = (ASSETS / "index.html").read_text()
    assert not re.search(r"<style|\son\w+=|\sstyle=|https?://", page)
    assert re.findall(r"<script[^>]*>([^<]*)", page) == [""]
    for target in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert (ASSETS / target.removeprefix("/assets/")).is_file(), target


def test_every_file_is_packed_into_the_wheel() -> None:
    builder = WheelBuilder(str(ROOT))
    packed = {each.distribution_path for each in builder.recurse_included_files()}
    for file in FILES:
        assert file.relative_to(ROOT).as_posix() in packed
