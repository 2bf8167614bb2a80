"""Running a fleet for a while, and telling how it goes.

What may live here: when a run goes on and when it ends. How its progress looks is decided by
whoever asks for it.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from simulator.fleet import Fleet
from tallystick import Api, ApiError

PAY_SECONDS = 120.0
"""How long devices may take to have everything acknowledged after they stopped consuming."""
_NAMED = 10


class Unpaid(Exception):
    """Devices could not pay all that they metered in the time there was; the text names them."""


@dataclass(frozen=True)
class Progress:
    """How a fleet is doing after `elapsed` seconds. `rate` is how many IOUs a second the gateway
    accepted since the last time; None while its API does not answer."""

    elapsed: float
    fleet: Fleet
    rate: float | None


Tell = Callable[[Progress], None]


async def run(fleet: Fleet, api: Api, until: Callable[[float], bool], tell: Tell) -> None:
    """Run the fleet until `until(elapsed seconds)`, then until everything is paid, and stop it.

    Raises Unpaid if that takes more than two minutes, and whatever ended a device.
    """
    fleet.start()
    try:
        await _watch(fleet, api, until, tell)
        fleet.end_loads()
        if not await fleet.until_paid(PAY_SECONDS):
            raise Unpaid(_unpaid(fleet))
    finally:
        await fleet.stop()


async def _watch(fleet: Fleet, api: Api, until: Callable[[float], bool], tell: Tell) -> None:
    started = time.monotonic()
    last = started, await asyncio.to_thread(_accepted, api)
    while not until(time.monotonic() - started):
        await asyncio.sleep(1)
        fleet.check()
        now = time.monotonic(), await asyncio.to_thread(_accepted, api)
        rate = None
        if now[1] is not None:
            # A gateway that was restarted counts from nothing.
            rate = max(0, now[1] - (last[1] or 0)) / (now[0] - last[0])
            last = now
        tell(Progress(now[0] - started, fleet, rate))


def _accepted(api: Api) -> int | None:
    try:
        return metric(api, "tallystick_ious_accepted_total")
    except ApiError:
        return None  # told as such; devices need no API


def metric(api: Api, name: str) -> int:
    """The sum of a counter or gauge of the gateway. Raises ApiError."""
    total = 0.0
    for line in api.read("/metrics").decode().splitlines():
        key, _, value = line.partition(" ")
        if key.partition("{")[0] == name:
            total += float(value)
    return int(total)


def _unpaid(fleet: Fleet) -> str:
    found = fleet.unpaid()
    named = [f"{each.name} ({each.device.unpaid()} {each.kind.unit})" for each in found[:_NAMED]]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    refused = ", ".join(f"{reason} {count}" for reason, count in fleet.refusals().items())
    return (
        f"not all is paid after {PAY_SECONDS:.0f} s: {', '.join(named)}{more}"
        f"; refused by the gateway: {refused or 'nothing'}"
    )
