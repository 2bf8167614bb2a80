"""The worlds that plots happen in: who owns what, what it costs, and which devices there are."""

from collections.abc import Sequence

from simulator.world.scenarios.scene import Scene
from simulator.world.story import DeviceOptions, Options, TariffOptions

BOOTED_MS = 3_000
"""After so long each device has opened a channel, if nothing is in its way."""
FIRST_OFFER_S = 2
"""The second of a story in which devices are offered the terms of their first channel."""
STEP_MS = 5
"""No two steps of one message's way lie nearer to each other than that."""
_PLENTY = 10**12


def price(
    numerator: int,
    denominator: int = 1,
    *,
    units: int = 100_000,
    window: int = 20,
    lifetime_s: int = 86_400,
    payee: str = "operator",
    session_fee: int = 0,
) -> TariffOptions:
    """A tariff of which one channel pays for so many `units`."""
    capacity = max(1, units * numerator // denominator) + session_fee
    return TariffOptions(
        "kW.h",
        numerator,
        denominator,
        payee,
        window,
        capacity,
        lifetime_s,
        session_fee=session_fee,
    )


def device(
    tariff: TariffOptions, *, account: str = "depot", step: int = 1, chain: int = 0
) -> DeviceOptions:
    """A device that fills its channels; with a `chain` it pays by ticks."""
    return DeviceOptions(account, 0, step, tariff.capacity, chain)


ABROAD = TariffOptions("min", 9, 2, "alpine", 20, 4_500, 7 * 86_400)
"""What an owner in another currency sells, to devices of its own alone."""


def abroad() -> DeviceOptions:
    """A device of the owner in another currency."""
    return DeviceOptions("alpine", 1, 1, ABROAD.capacity)


def site(
    scene: Scene,
    tariff: TariffOptions,
    devices: Sequence[DeviceOptions],
    *,
    credit: int = _PLENTY,
    broker_queue: int = 1000,
    loses_power: bool = False,
    run_part: int = 20_000,
) -> Options:
    """Devices at one price, of two owners and perhaps of one in another currency; `credit` is what
    the depot, which owns most, may owe."""
    accounts = [
        ("operator", "EUR", _PLENTY),
        ("depot", "EUR", credit),
        ("kiosk", "EUR", _PLENTY),
        ("alpine", "CHF", _PLENTY),
    ]
    return Options(
        scene.seed, accounts, [tariff, ABROAD], list(devices), broker_queue, loses_power, run_part
    )


def market(tariff: TariffOptions, *, step: int = 1, chain: int = 0) -> list[DeviceOptions]:
    """A buyer, the seller that it buys from, and one that buys from the gateway itself."""
    buyer = DeviceOptions("depot", 0, step, tariff.capacity, chain, buys_from=1)
    seller = DeviceOptions("kiosk", 0, step, tariff.capacity, sells=True)
    return [buyer, seller, device(tariff)]
