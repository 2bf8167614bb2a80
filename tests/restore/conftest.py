"""An installation on each kind of database, with books that have moved."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.restore.house import House, built
from tests.restore.town import Town, founded


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A gateway's data folder, and a small fleet that has paid and been settled."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("migrated_postgres_url")
    with built(tmp_path / "data", url) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    """An installation whose devices and bank outlive what happens to it."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("migrated_postgres_url")
    with founded(tmp_path / "data", url) as made:
        yield made
