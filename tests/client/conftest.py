"""A gateway's application on a real port, and a client of it."""

from collections.abc import Iterator

import pytest

from tallystick import Api, retries
from tests.api.conftest import house
from tests.api.house import House
from tests.api.served import served

__all__ = ["house"]


@pytest.fixture
def url(house: House) -> Iterator[str]:
    """Where the application is served."""
    with served(house.app) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def api(house: House, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """An admin's client, which waits as often as any and hardly as long."""
    monkeypatch.setattr(retries, "FIRST_WAIT_S", 0.001)
    with Api(url, house.tokens["admin"]) as made:
        yield made
