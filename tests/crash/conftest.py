"""A disk for SQLite that can fail and lose power, or the reason why this Python can't have one."""

from collections.abc import Iterator
from random import Random

import pytest

from simulator.world.disk_c import DiskUnavailable
from simulator.world.disk_vfs import SqliteDisk
from tests.services import unavailable


@pytest.fixture
def disk() -> Iterator[SqliteDisk]:
    """An empty disk."""
    try:
        made = SqliteDisk(Random(1))
    except DiskUnavailable as why:
        unavailable(str(why))
    yield made
    made.close()
