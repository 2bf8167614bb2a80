"""Another key follows the gateway's while devices pay it, over a real broker: totals are exact, and
a device that was away over two of them catches up."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware import app
from simulator.gateway_process import tallystick_json
from simulator.loads.sensor import Sensor
from tests.e2e.stage import READING_PRICE, Stage, acked_units, all_paid, running, stage, until

SMALL = 400 * READING_PRICE
"""The capacity of a channel: it is soon used up, so that devices open one after the other."""


@pytest.fixture
def stage_here(data_folder: Path) -> Iterator[Stage]:
    """The product, running on SQLite."""
    with stage(data_folder) as built:
        yield built


@pytest.mark.threat("C1", "D12")
def test_keys_that_follow_in_mid_stream_lose_no_channel(stage_here: Stage) -> None:
    data = stage_here.data

    async def followed(*, killed: bool) -> bytes:
        """Another key, made while the gateway runs, which then starts anew."""
        made = await asyncio.to_thread(tallystick_json, data, "key", "rotate")
        await asyncio.to_thread(stage_here.gateway.kill if killed else stage_here.gateway.stop)
        await asyncio.to_thread(stage_here.gateway.restart)
        return bytes.fromhex(made["newest"])

    async def flows(units: int) -> None:
        before = acked_units(stage_here)
        await until(lambda: acked_units(stage_here) > before + units, "payments flow")

    def paid_under(key: bytes) -> bool:
        current = [member.device.current() for member in stage_here.members]
        return all(each is not None and each.terms.gateway_key == key for each in current)

    async def scenario() -> None:
        for number in range(4):
            load = Sensor(interval_ms=20 + number, burst=3, burst_every=10)
            stage_here.add(load, capacity=SMALL)
        away, *others = stage_here.members
        first = away.device.gateway_key
        task = asyncio.create_task(app.run(away.board, away.device))
        async with running(others) as fleet:
            await flows(100)
            # Off in mid-stream: what it knows is in its journal.
            away.board.ending = True
            await task
            second = await followed(killed=False)
            await until(
                lambda: all(each.device.gateway_key == second for each in others), "all are told"
            )
            await flows(100)
            third = await followed(killed=True)
            await until(
                lambda: all(each.device.gateway_key == third for each in others), "all are told"
            )
            await flows(1_500)
            away.board.ending = False
            away.switch_on_again()
            assert away.device.gateway_key == first
            fleet.members = stage_here.members
            async with running([away]):
                await until(lambda: away.device.gateway_key == third, "it catches up")
                await until(lambda: paid_under(third), "all channels are of the newest key")
                await all_paid(fleet)
        stage_here.totals_agree()
        keys = tallystick_json(data, "key", "list")
        assert [each["state"] for each in keys] == ["followed", "followed", "newest"]
        assert [each["devices"] for each in keys] == [0, 0, 4]
        # Channels of the first key were used up, and it is needed no more.
        assert [each["channels"] for each in keys[:2]] == [0, 0]
        tallystick_json(data, "key", "retire", first.hex())

    asyncio.run(scenario())
