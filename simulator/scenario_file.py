"""What a scenario file says: accounts, tariffs, and devices that buy from the gateway's operator or
from one another. Everything that is wrong with one is refused by its field, before anything is
registered.

Amounts are in atomic units of the currency (10^-6 of it), prices fractions of them for one unit.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from protocol.hashchain import MAX_LENGTH
from simulator.loads import Load
from simulator.loads.ev import EvCharger
from simulator.loads.flow import Flow
from simulator.loads.sensor import Sensor

PACKED = Path(__file__).with_name("scenarios")
"""The folder of those that are packed in."""
_LARGEST_FILE = 1_000_000
_Money = Annotated[int, Field(ge=1, lt=2**63)]
_Fee = Annotated[int, Field(ge=0, lt=2**63)]
_Id = Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")]
_Count = Annotated[int, Field(ge=1, le=1_000)]


class ScenarioError(Exception):
    """A scenario that can't be used; the text names the field and what would be right."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Ev(_Part):
    """Cars at a charger, one after the other."""

    kind: Literal["ev"]
    power_w: int = Field(ge=1, le=1_000_000)
    battery_wh: int = Field(ge=1, le=10_000_000)
    needs_wh: int = Field(ge=1, le=10_000_000)
    pause_s: int = Field(ge=0, le=86_400)
    stays_s: int = Field(default=0, ge=0, le=86_400)

    def load(self) -> EvCharger:
        """What the meter counts."""
        times = self.pause_s * 1_000, self.stays_s * 1_000
        return EvCharger(self.power_w, self.battery_wh, self.needs_wh, *times)


class Reads(_Part):
    """A reading at each interval, now and then a burst."""

    kind: Literal["sensor"]
    interval_ms: int = Field(ge=1, le=86_400_000)
    burst: int = Field(ge=1, le=1_000)
    burst_every: int = Field(ge=1, le=1_000_000)

    def load(self) -> Load:
        """What the meter counts."""
        return Sensor(self.interval_ms, self.burst, self.burst_every)


class Flows(_Part):
    """An even flow that pauses."""

    kind: Literal["flow"]
    per_hour: int = Field(ge=1, le=10**12)
    on_s: int = Field(ge=1, le=86_400)
    off_s: int = Field(ge=0, le=86_400)

    def load(self) -> Load:
        """What the meter counts."""
        return Flow(self.per_hour, self.on_s, self.off_s)


class Account(_Part):
    """An owner of devices."""

    id: _Id
    name: str = Field(min_length=1, max_length=100)
    credit_limit: _Money


class TariffOf(_Part):
    """What the gateway's operator sells."""

    name: _Id
    unit: str = Field(min_length=1, max_length=16)
    numerator: _Money
    denominator: _Money = 1
    session_fee: _Fee = 0
    window_units: _Money
    max_capacity: _Money


class Sells(_Part):
    """What devices of a kind sell to other devices."""

    numerator: _Money
    denominator: _Money = 1
    session_fee: _Fee = 0
    window_units: _Money


class Devices(_Part):
    """`count` devices of one kind. Those that sell count what their buyers draw. Those that are
    `idle_of` a kind of chargers count the seconds in which a car stays at the one of the same
    number and takes nothing, after `idle_after_s`. The others buy by their load, from the device of
    the same number that `buys_from` names, or from the operator."""

    name: _Id
    count: _Count = 1
    account: _Id
    unit: str = Field(min_length=1, max_length=16)
    step: int = Field(default=1, ge=1, le=1 << 30)
    capacity: _Money
    topup: int = Field(default=0, ge=0, lt=2**63)
    chain_length: int = Field(default=0, ge=0, le=MAX_LENGTH)
    sells: Sells | None = None
    buys_from: _Id | None = None
    idle_of: _Id | None = None
    idle_after_s: int = Field(default=300, ge=0, le=86_400)
    load: Annotated[Ev | Reads | Flows, Field(discriminator="kind")] | None = None

    @model_validator(mode="after")
    def _sells_or_buys(self) -> Self:
        if [self.sells, self.load, self.idle_of].count(None) != 2:
            raise ValueError("must have either sells, or a load that it buys for, or idle_of")
        if self.sells is not None and self.buys_from is not None:
            raise ValueError("buys_from: is not for devices that sell; add others that buy")
        return self


class Scenario(_Part):
    """A whole file."""

    title: str = Field(min_length=1, max_length=100)
    currency: str = Field(pattern="^[A-Z]{3}$")
    seconds: int = Field(ge=1, le=86_400)
    speed: int = Field(ge=1, le=100_000)
    accounts: list[Account] = Field(min_length=1, max_length=1_000)
    tariffs: list[TariffOf] = Field(default=[], max_length=100)
    devices: list[Devices] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _names_are_there(self) -> Self:
        accounts = {each.id for each in self.accounts}
        sellers = {each.name: each for each in self.devices if each.sells is not None}
        if len({each.name for each in self.devices}) != len(self.devices):
            raise ValueError("devices: two kinds have the same name")
        for each in self.devices:
            if each.account not in accounts:
                raise ValueError(f"devices.{each.name}.account: there is no account {each.account}")
            if each.idle_of is not None:
                self._check_idle(each, each.idle_of)
            if each.buys_from is None:
                continue
            seller = sellers.get(each.buys_from)
            if seller is None:
                raise ValueError(f"devices.{each.name}.buys_from: no devices {each.buys_from} sell")
            if (seller.count, seller.unit) != (each.count, each.unit):
                raise ValueError(
                    f"devices.{each.name}: must be as many as {seller.name}, and have its unit"
                )
        return self

    def _check_idle(self, each: Devices, charger: str) -> None:
        """Raises ValueError unless a device that counts idle seconds has a charger to watch."""
        found = {kind.name: kind for kind in self.devices if isinstance(kind.load, Ev)}
        if charger not in found:
            raise ValueError(f"devices.{each.name}.idle_of: no devices {charger} have a load ev")
        if (found[charger].count, each.unit, each.buys_from) != (each.count, "s", None):
            raise ValueError(
                f"devices.{each.name}: must be as many as {charger}, count s, and buy from the"
                " operator"
            )


def read_scenario(which: str) -> Scenario:
    """The scenario of that name, or of the file at that path. Raises ScenarioError."""
    path = Path(which) if which.endswith(".toml") else PACKED / f"{which}.toml"
    if path.parent == PACKED and not path.is_file():
        known = ", ".join(sorted(each.stem for each in PACKED.glob("*.toml")))
        raise ScenarioError(f"--scenario: must be a file *.toml, or one of {known}")
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise ScenarioError(f"{path}: must be at most {_LARGEST_FILE} bytes")
        return Scenario.model_validate(tomllib.loads(content.decode()))
    except OSError as error:
        raise ScenarioError(f"{path}: can't be read ({error.strerror})") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(f"{path}: must be TOML: {error}") from None
    except ValidationError as error:
        raise ScenarioError("; ".join(_wrong(str(path), error))) from None


def _wrong(path: str, error: ValidationError) -> list[str]:
    said = []
    for each in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in each["loc"])
        message = each["msg"].removeprefix("Value error, ")
        said.append(f"{path}: {where}: {message}" if where else f"{path}: {message}")
    return said
