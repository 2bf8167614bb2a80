"""The scene that `simulate` and `demo` share: fleets' accounts, their tariffs, mixed devices.

Prices and sizes are those of an ordinary car park and of an ordinary sensor network; nothing
here decides anything about money.
"""

from collections.abc import Iterator
from random import Random

from simulator.fleet import Broker, Kind, Member, register
from simulator.loads import Load
from simulator.loads.ev import EvCharger
from simulator.loads.sensor import Sensor
from tallystick import Api, Problem

ENERGY = Kind("W.h", 20, 20_000_000, 5_000_000)
READINGS = Kind("{reading}", 5, 1_000_000, 250_000)

CURRENCY = "EUR"
SCALE = 6
PAYEE = "operator"
FLEETS = (("city-parking", "City Parking"), ("blue-logistics", "Blue Logistics"))
SENSORS = ("air-watch", "Air Watch")
CREDIT = 10_000_000_000
_MINUTE_MS = 60_000
XRP_PAYEE = "operator-xrp"
XRP_FLEET = "ledger-parking"
_XRPL_CHANNELS = 16
"""Of the XRP Ledger's payment channels, for each device: as many channels can it open."""


def add(api: Api, path: str, body: dict[str, object]) -> None:
    """Add something unless it is there already."""
    try:
        api.post(path, body)
    except Problem as error:
        if error.status != 409:
            raise


def add_accounts(api: Api, credit: int = CREDIT) -> None:
    """The owners of the devices, each with a credit limit. Raises ApiError."""
    for account, name in (*FLEETS, SENSORS):
        add(
            api,
            "/v1/accounts",
            {"id": account, "name": name, "currency": CURRENCY, "credit_limit": str(credit)},
        )


def add_tariffs(api: Api) -> None:
    """0.30 for a kilowatt-hour, and 250 millionths for a reading. Raises ApiError."""
    for name, kind, price, window in (
        ("charging", ENERGY, "300", 2_000),
        ("readings", READINGS, "250", 200),
    ):
        add(
            api,
            "/v1/tariffs",
            {
                "name": name,
                "unit": kind.unit,
                "numerator": price,
                "denominator": 1,
                "payee_account": PAYEE,
                "window_units": window,
                "max_capacity": str(kind.capacity),
                "max_lifetime_s": 30 * 86_400,
            },
        )


def add_xrp(api: Api) -> None:
    """A fleet that pays in XRP, and what it pays for a kilowatt-hour. Raises ApiError."""
    for account, name in ((XRP_FLEET, "Ledger Parking"), (XRP_PAYEE, "Operator, in XRP")):
        add(
            api,
            "/v1/accounts",
            {"id": account, "name": name, "currency": "XRP", "credit_limit": str(CREDIT)},
        )
    add(
        api,
        "/v1/tariffs",
        {
            "name": "charging-xrp",
            "unit": ENERGY.unit,
            "numerator": "150",
            "denominator": 1,
            "payee_account": XRP_PAYEE,
            "window_units": 2_000,
            "max_capacity": str(ENERGY.capacity),
            "max_lifetime_s": 30 * 86_400,
        },
    )


def xrpl_channels(random: Random) -> str:
    """The setting of a device that pays by claims: ids of payment channels that no ledger has."""
    return ",".join(random.randbytes(32).hex() for _ in range(_XRPL_CHANNELS))


def claiming(
    api: Api, broker: Broker, count: int, speed: int, native: bool, seed: int
) -> Iterator[Member]:
    """`count` new chargers that pay in XRP, by claims on made-up payment channels of the XRP
    Ledger. Raises ApiError."""
    random = Random(seed)
    for number in range(count):
        further = {"xrpl_channels": xrpl_channels(random)}
        load, name = _charger(random), f"charger-xrp-{number:04}"
        yield register(api, broker, XRP_FLEET, name, ENERGY, load, speed, native, random, further)


def _charger(random: Random) -> Load:
    battery = random.choice((40_000, 58_000, 77_000))
    return EvCharger(
        power_w=random.choice((7_400, 11_000, 22_000)),
        battery_wh=battery,
        needs_wh=battery * random.randrange(15, 60) // 100,
        pause_ms=random.randrange(5, 20) * _MINUTE_MS,
    )


def _sensor(random: Random) -> Load:
    return Sensor(interval_ms=random.choice((20_000, 60_000)), burst=10, burst_every=25)


def mixed(
    api: Api, broker: Broker, count: int, speed: int, native: bool, seed: int
) -> Iterator[Member]:
    """`count` new devices, three chargers to each sensor, owned in turn. Raises ApiError."""
    random = Random(seed)
    for number in range(count):
        is_sensor = number % 4 == 3
        kind = READINGS if is_sensor else ENERGY
        account = SENSORS[0] if is_sensor else FLEETS[number % len(FLEETS)][0]
        load = _sensor(random) if is_sensor else _charger(random)
        name = f"{'sensor' if is_sensor else 'charger'}-{number:04}"
        yield register(api, broker, account, name, kind, load, speed, native, random)
