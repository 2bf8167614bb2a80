"""What the demo checks at its end: it holds of channels older than a short demo's, and it fails
where something is wrong."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from simulator import demo_checks, scene
from simulator.loads.sensor import Sensor
from tests.e2e.stage import Stage, all_paid, running, stage, until

ACCOUNT = scene.FLEETS[0][0]
FIRST = 20_000
"""What the device's channel is opened for, in micro-euro: 80 readings."""


@pytest.fixture
def town(data_folder: Path) -> Iterator[Stage]:
    """A device that has topped its channel up and used of that, settled."""
    with stage(data_folder) as town:
        town.add(Sensor(interval_ms=10, burst=3, burst_every=10), account=ACCOUNT, topup=FIRST)

        async def pay() -> None:
            async with running(town.members) as fleet:
                await until(lambda: owed(town) > FIRST, "it owes what only a top-up allows")
                await all_paid(fleet)

        asyncio.run(pay())
        with town.api() as api:
            api.post("/v1/settlements", {})
        yield town


def owed(town: Stage) -> int:
    """What the device owes, in micro-euro."""
    return max((amount for amount, _ in town.marks().values()), default=0)


def failed(town: Stage) -> set[str]:
    """What was checked and does not hold."""
    key = town.members[0].device.gateway_key.hex()
    with town.api() as api:
        checks = demo_checks.all_checks(town.data, api, key, 1, ACCOUNT, town.members)
    assert len(checks) == 4
    return {what for what, good in checks if not good}


def test_all_checks_hold_of_a_channel_that_was_topped_up(town: Stage) -> None:
    with town.api() as api:
        (channel,) = api.items("/v1/channels", account=ACCOUNT, limit="100")
        assert api.get(f"/v1/channels/{channel['id']}")["topup_message"]
    assert failed(town) == set()


def test_an_iou_that_nobody_signed_fails_the_checks_that_rest_on_it(town: Stage) -> None:
    with closing(sqlite3.connect(town.data / "gateway.db")) as file, file:
        (iou,) = file.execute("SELECT iou FROM channel").fetchone()
        file.execute("UPDATE channel SET iou = ?", (iou[:-1] + bytes([iou[-1] ^ 1]),))
    assert failed(town) == {
        "the books balance and every IOU verifies (tallystick books)",
        f"an IOU of {ACCOUNT} verifies offline with its channel's terms",
    }
