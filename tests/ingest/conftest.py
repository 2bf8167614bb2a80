"""The gateway that the tests of the hot path talk to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingest.parties import Gateway, gateway_in


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway on a SQLite database of its own."""
    made = gateway_in(tmp_path)
    yield made
    made.store.close()
