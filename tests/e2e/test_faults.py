"""What happens when parts of the running product die: devices resume, totals are exact, and nothing
that was acknowledged is lost."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware import app
from simulator.loads.sensor import Sensor
from tests.e2e.proxy import cutting_proxy
from tests.e2e.stage import Stage, acked_units, all_paid, power_cut, running, stage, until


@pytest.fixture
def stage_here(data_folder: Path) -> Iterator[Stage]:
    """The product, running on SQLite."""
    with stage(data_folder) as built:
        yield built


@pytest.fixture(params=["sqlite", "postgresql"])
def stage_on_each(
    data_folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """The product, running on each database."""
    if request.param == "postgresql":
        url = request.getfixturevalue("migrated_postgres_url")
        monkeypatch.setenv("TALLYSTICK_DATABASE_URL", url)
    with stage(data_folder) as built:
        yield built


@pytest.mark.threat("C1")
def test_c1_the_gateway_killed_in_mid_stream_loses_nothing_that_was_acked(
    stage_on_each: Stage,
) -> None:
    stage_here = stage_on_each

    async def scenario() -> None:
        stage_here.add_busy(8)
        async with running(stage_here.members) as fleet:
            for _ in range(3):
                before = acked_units(stage_here)
                await until(
                    lambda floor=before: acked_units(stage_here) > floor + 100, "payments flow"
                )
                await asyncio.to_thread(stage_here.gateway.kill)
                stage_here.nothing_acked_is_lost()
                await asyncio.to_thread(stage_here.gateway.restart)
            await all_paid(fleet)
        stage_here.totals_agree()

    asyncio.run(scenario())


@pytest.mark.threat("N2", "N3")
def test_n3_a_broker_killed_and_restarted_with_nothing_changes_no_total(stage_here: Stage) -> None:
    async def scenario() -> None:
        stage_here.add_busy(6)
        async with running(stage_here.members) as fleet:
            await until(lambda: acked_units(stage_here) > 100, "payments flow")
            await asyncio.to_thread(stage_here.broker.kill)
            for kept in (stage_here.data / "broker" / "persistence").glob("*.db"):
                kept.unlink()
            await asyncio.to_thread(stage_here.broker.restart)
            before = acked_units(stage_here)
            await until(lambda: acked_units(stage_here) > before + 100, "payments flow again")
            await all_paid(fleet)
        stage_here.totals_agree()

    asyncio.run(scenario())


@pytest.mark.threat("C11")
def test_a_device_that_loses_power_offline_in_mid_session_pays_exactly(stage_here: Stage) -> None:
    async def scenario() -> None:
        member = stage_here.add(Sensor(interval_ms=20, burst=1, burst_every=10))
        task = asyncio.create_task(app.run(member.board, member.device))
        await until(lambda: acked_units(stage_here) > 20, "payments flow")
        await asyncio.to_thread(stage_here.broker.kill)
        offline = member.device.total
        await until(lambda: member.device.total > offline + 30, "metering goes on offline")
        await power_cut(member, task)
        task = asyncio.create_task(app.run(member.board, member.device))
        again = member.device.total
        assert again > 0
        await until(lambda: member.device.total > again + 20, "metering goes on after the reset")
        await asyncio.to_thread(stage_here.broker.restart)
        member.board.load_ended = True
        await until(lambda: member.device.unpaid() == 0, "everything is paid")
        member.board.ending = True
        await task
        stage_here.totals_agree()

    asyncio.run(scenario())


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.threat("N1")
def test_n1_connections_cut_at_random_bytes_change_no_total(stage_here: Stage, seed: int) -> None:
    async def scenario() -> None:
        async with cutting_proxy(stage_here.broker.host, stage_here.broker.port, seed) as port:
            for number in range(3):
                stage_here.add(Sensor(interval_ms=30 + number, burst=3, burst_every=10), port=port)
            async with running(stage_here.members) as fleet:
                await until(lambda: acked_units(stage_here) > 200, "payments get through")
                await all_paid(fleet)
        stage_here.totals_agree()

    asyncio.run(scenario())
