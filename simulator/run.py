"""Running a fleet for a while, with its progress told as it goes."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from simulator.client import Api
from simulator.fleet import Fleet, Totals

PAY_SECONDS = 120.0


class Unpaid(Exception):
    """Devices could not pay all that they metered in the time there was."""


@dataclass(frozen=True)
class Progress:
    """How a fleet is doing: its own totals, and what the gateway has accepted."""

    elapsed: float
    totals: Totals
    accepted: int
    rate: float


Tell = Callable[[Progress], None]


async def run(fleet: Fleet, api: Api, until: Callable[[float], bool], tell: Tell) -> None:
    """Run the fleet until `until(elapsed seconds)`, then until everything is paid, and stop it.

    Raises Unpaid if that takes more than two minutes, and whatever ended a device.
    """
    fleet.start()
    started = last = time.monotonic()
    accepted = api.metric("tallystick_ious_accepted_total")
    try:
        while not until(time.monotonic() - started):
            await asyncio.sleep(1)
            now = time.monotonic()
            total = await asyncio.to_thread(api.metric, "tallystick_ious_accepted_total")
            rate = (total - accepted) / (now - last)
            accepted, last = total, now
            tell(Progress(now - started, fleet.totals(), total, rate))
        fleet.end_loads()
        if not await fleet.until_paid(PAY_SECONDS):
            raise Unpaid(f"{fleet.totals().unpaid} units are still unpaid")
    finally:
        await fleet.stop()
