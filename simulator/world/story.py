"""A story: what a world is made of, and what is done to it, as plain data.

A story is all that a run depends on. It can be written to a file, cut down and replayed without
whatever made it up.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Operation = list[str | int]
"""A name from `perform.OPERATIONS`, then its arguments."""


class StoryError(ValueError):
    """A story that can't be played; the text names the field and what would be right."""


@dataclass(frozen=True)
class TariffOptions:
    """A price of numerator/denominator atomic units for one `unit`, and of `session_fee` for each
    channel, paid to `payee`; who of each
    interval pays `fee_account` a fixed fee and a share, if that is not empty."""

    unit: str
    numerator: int
    denominator: int
    payee: str
    window: int
    capacity: int
    lifetime_s: int
    fee_fixed: int = 0
    fee_bp: int = 0
    fee_account: str = ""
    session_fee: int = 0


@dataclass(frozen=True)
class DeviceOptions:
    """A device of `account` on the tariff of this number, with an IOU for each `step` units and
    at most `capacity` atomic units for a channel, which opens with `topup` of it and is topped up
    by as much, if that is not 0; if `chain_length` is not 0, with ticks. One that `sells` delivers
    to the one that `buys_from` its number, at the tariff's price. One that is `idle_of` another
    counts the seconds in which somebody at that one could consume and does not, from the one after
    `idle_after_s` on. One that `claims` pays in XRP, by claims on
    payment channels of the XRP Ledger."""

    account: str
    tariff: int
    step: int
    capacity: int
    chain_length: int = 0
    sells: bool = False
    buys_from: int = -1
    topup: int = 0
    claims: bool = False
    idle_of: int = -1
    idle_after_s: int = 0


@dataclass(frozen=True)
class ChainOptions:
    """A chain with an escrow: what so many blocks of it, `confirmations`, stand on is final; the
    gateway asks so many `nodes`. `locked` are (account, atomic units) that are there from the
    beginning, and whose accounts are paid over it; `bond` is the operator's."""

    confirmations: int
    nodes: int
    locked: list[tuple[str, int]]
    bond: int


@dataclass(frozen=True)
class Options:
    """What a world is made of. `accounts` are (name, currency, credit limit in atomic units);
    `broker_queue` is how many messages may wait at the broker for one client; where the gateway's
    machine `loses_power` its disk is one that forgets what was not synced; a settlement posts
    `run_part` channels at once; `deposits` are (account, atomic units) paid in before anything
    begins; there is a `chain`, or none."""

    seed: int
    accounts: list[tuple[str, str, int]]
    tariffs: list[TariffOptions]
    devices: list[DeviceOptions]
    broker_queue: int = 1000
    loses_power: bool = False
    run_part: int = 20_000
    deposits: list[tuple[str, int]] = field(default_factory=list)
    chain: ChainOptions | None = None


@dataclass(frozen=True)
class Story:
    """A world and the operations done to it, in order; `plot` names the plot that it tells, if it
    has one."""

    options: Options
    operations: list[Operation]
    plot: str = ""

    def write(self, path: Path) -> None:
        """Write it as JSON, one operation to a line. Raises OSError."""
        path.write_text(text(self))


def text(story: Story) -> str:
    """A story as JSON."""
    lines = ",\n  ".join(json.dumps(each) for each in story.operations)
    options = json.dumps(asdict(story.options))
    plot = f'"plot": {json.dumps(story.plot)},\n ' if story.plot else ""
    return f'{{{plot}"options": {options},\n "operations": [\n  {lines}\n]}}\n'


def read(path: Path) -> Story:
    """The story in a file. Raises StoryError or OSError."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        options = dict(content["options"])
        options["accounts"] = [
            (str(name), str(currency), int(limit)) for name, currency, limit in options["accounts"]
        ]
        options["deposits"] = [
            (str(name), int(amount)) for name, amount in options.get("deposits", ())
        ]
        options["tariffs"] = [TariffOptions(**each) for each in options["tariffs"]]
        options["devices"] = [DeviceOptions(**each) for each in options["devices"]]
        options["chain"] = _chain_of(options.get("chain"))
        operations = [list(each) for each in content["operations"]]
        return Story(Options(**options), operations, str(content.get("plot", "")))
    except (KeyError, TypeError, ValueError) as error:
        raise StoryError(f"{path}: not a story ({error}); it must be one that `world` wrote") from (
            error
        )


def _chain_of(given: dict[str, Any] | None) -> ChainOptions | None:
    if given is None:
        return None
    locked = [(str(name), int(units)) for name, units in given["locked"]]
    return ChainOptions(**{**given, "locked": locked})
