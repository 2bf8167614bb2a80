"""A gateway that has run out of descriptors: nothing is acknowledged that is not on disk, and it
goes on when there are some again."""

import asyncio
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stage import Stage, acked_units, all_paid, running, stage, until

pytestmark = [
    pytest.mark.skipif(
        sys.platform != "linux", reason="only Linux sets a limit of a process that runs"
    ),
]


@pytest.fixture
def stage_here(data_folder: Path) -> Iterator[Stage]:
    """The product, running on SQLite."""
    with stage(data_folder) as built:
        yield built


@pytest.mark.threat("C13")
def test_c13_without_descriptors_nothing_is_lost_and_nothing_ends(stage_here: Stage) -> None:
    gateway, broker = stage_here.gateway, stage_here.broker
    usual = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)

    async def scenario() -> None:
        stage_here.add_busy(4)
        async with running(stage_here.members) as fleet:
            await until(lambda: acked_units(stage_here) > 100, "payments flow")
            # No number below this is free, so nothing more can be opened.
            resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (3, usual[1]))
            before = acked_units(stage_here)
            await until(lambda: acked_units(stage_here) > before + 50, "what is open still works")
            await asyncio.to_thread(broker.kill)
            await asyncio.to_thread(broker.restart)
            metered = fleet.totals().metered
            await until(lambda: fleet.totals().metered > metered + 20, "metering goes on")
            assert gateway.alive
            stage_here.nothing_acked_is_lost()
            resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, usual)
            before = acked_units(stage_here)
            await until(lambda: acked_units(stage_here) > before + 50, "payments flow again")
            await all_paid(fleet)
        assert gateway.alive
        stage_here.totals_agree()

    asyncio.run(scenario())
