"""A gateway that people look at, and the API's house, for what needs no browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.api.conftest import house
from tests.dashboard.browser import browser
from tests.dashboard.scene import HARM, Scene, scene

__all__ = ["house"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One for all of a file: a thread can have no second, nor run asyncio beside it."""
    with browser() as launched:
        yield launched


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Scene]:
    """A gateway with devices of hostile names that have paid, and a run that waits."""
    data = tmp_path_factory.mktemp("pages") / "data"
    with scene(data, chromium) as built:
        built.furnish(HARM)
        yield built
