"""The docs name everything that a reader could meet: reasons, kinds, settings, subcommands."""

from pathlib import Path

import pytest

from firmware.settings import FIELDS
from gateway.config import Config
from gateway.store.events import KINDS
from protocol.reasons import REASONS
from protocol.topics import DOWN_KINDS, UP_KINDS

DOCS = Path(__file__).parents[1] / "docs"


def _page(name: str) -> str:
    return (DOCS / name).read_text()


@pytest.mark.parametrize("reason", REASONS)
def test_the_specification_names_each_refusal_reason_with_its_number(reason: str) -> None:
    page = _page("protocol.md")
    assert f"`{reason}`" in page
    assert f"| {REASONS[reason]} |" in page


@pytest.mark.parametrize("kind", UP_KINDS + DOWN_KINDS)
def test_the_specification_names_each_kind(kind: str) -> None:
    assert f"`{kind}`" in _page("protocol.md")


@pytest.mark.parametrize("setting", FIELDS)
def test_the_device_guide_names_each_setting(setting: str) -> None:
    assert f"`{setting}`" in _page("device.md")


@pytest.mark.parametrize("setting", [name for name in Config.model_fields if name != "data"])
def test_the_operators_guide_names_each_setting(setting: str) -> None:
    assert f"`{setting}`" in _page("operations.md")


@pytest.mark.parametrize("kind", KINDS)
def test_the_api_page_names_each_kind_of_event(kind: str) -> None:
    assert f"`{kind}`" in _page("api.md")


@pytest.mark.parametrize(
    "link", ["protocol", "device", "operations", "simulator", "performance", "security"]
)
def test_the_readme_links_to_pages_that_exist(link: str) -> None:
    assert f"docs/{link}.md" in (DOCS.parent / "README.md").read_text()
    assert (DOCS / f"{link}.md").exists()
