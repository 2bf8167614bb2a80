"""Fixtures that give a test an empty, migrated database of each kind that the gateway supports."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.engine import Store, open_store
from tests.store.migrated import migrated


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'tallystick.db'}"
    url: str = request.getfixturevalue("fresh_postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that is empty but for its schema."""
    if request.param == "sqlite":
        return migrated(tmp_path / "tallystick.db")
    url: str = request.getfixturevalue("migrated_postgres_url")
    return url


@pytest.fixture
def store(migrated_url: str) -> Iterator[Store]:
    """A migrated store whose clock is the database's."""
    opened = open_store(migrated_url)
    yield opened
    opened.close()
