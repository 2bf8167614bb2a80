"""The API on a real database, with a fleet that can pay."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.api.house import House, house_in


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An initialised gateway on SQLite behind its API."""
    with house_in(tmp_path / "data", None) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
def house_on_each(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """The same on each database."""
    url = None
    if request.param == "postgres":
        url = request.getfixturevalue("migrated_postgres_url")
    with house_in(tmp_path / "data", url) as made:
        yield made


@pytest.fixture
def admin(house: House) -> TestClient:
    """A client with an admin's token."""
    return house.client("admin")
