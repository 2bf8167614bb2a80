"""What tests of every room share: a data folder, a real broker, a real PostgreSQL."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.engine import open_store
from tests.services import Served, fresh_database, mqtt_broker, postgres_server


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """An empty folder for one gateway."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def broker(data_folder: Path) -> Iterator[Served]:
    """A Mosquitto of the test's own, so that the test may kill it and register whom it likes."""
    with mqtt_broker(data_folder) as served:
        yield served


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server's own database; make others beside it, write nothing in it."""
    with postgres_server() as url:
        yield url


@pytest.fixture
def fresh_postgres_url(postgres_url: str) -> Iterator[str]:
    """The URL of an empty database."""
    with fresh_database(postgres_url, f"tally_{uuid.uuid4().hex}") as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[str]:
    """The name of a database with this program's schema, to be copied."""
    name = f"tally_{uuid.uuid4().hex}"
    with fresh_database(postgres_url, name) as url:
        open_store(url, upgrade=True).close()
        yield name


@pytest.fixture
def migrated_postgres_url(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """The URL of a database that is empty but for this program's schema."""
    with fresh_database(postgres_url, f"tally_{uuid.uuid4().hex}", postgres_template) as url:
        yield url
