"""A gateway that people look at, and the API's house, for what needs no browser."""

from collections.abc import Iterator

import pytest

from tests.api.conftest import house
from tests.dashboard.browser import browser
from tests.dashboard.scene import HARM, Scene, scene

__all__ = ["house"]


@pytest.fixture(scope="package")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A gateway with devices of hostile names that have paid, and a run that waits."""
    data = tmp_path_factory.mktemp("pages") / "data"
    with browser() as launched, scene(data, launched) as built:
        built.furnish(HARM)
        yield built
