"""Many devices in one process: each a simulated board that runs the firmware over its own MQTT
connection.

What may live here: making, registering, running and ending devices, and what they add up to. What
they measure is in `loads`, who asks for it in `cli` and `demo`.
"""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from nacl.signing import SigningKey

from firmware import app
from firmware.device import Device
from firmware.settings import Settings
from protocol.payer import OPEN, PayerChannel
from simulator.board import SimulatedBoard
from simulator.loads import Load
from tallystick import Api

POLL_MS = 200
_LOOK_SECONDS = 2 * POLL_MS / 1000
"""Between two looks at the meters, in which each is read at least once."""


@dataclass(frozen=True)
class Broker:
    """Where the devices find their broker. `authority` is the file that its certificate is checked
    against, None for plain MQTT; `certificates` a folder for each device's own certificate, None if
    they log in by password. `insecure` allows plain MQTT to another machine."""

    host: str
    port: int
    authority: Path | None = None
    certificates: Path | None = None
    insecure: bool = False


@dataclass(frozen=True)
class Kind:
    """What devices of one kind measure and how they pay: a UCUM unit, units per IOU while they
    deliver, the most that a channel may owe, and how much of that it opens with and is topped up by
    (both in atomic units)."""

    unit: str
    step: int
    capacity: int
    topup: int


@dataclass
class Member:
    """One device of the fleet."""

    name: str
    account: str
    kind: Kind
    board: SimulatedBoard
    device: Device

    def switch_on_again(self) -> None:
        """After a time without power: the counter begins at nothing, and only the journal is left
        of what the device knew. Whoever runs it starts it after that."""
        self.board.relay(False)
        self.board.clear_meter()
        self.board.ending = self.board.load_ended = False
        self.device = app.start(self.board)


@dataclass(frozen=True)
class Totals:
    """What devices have come to: units metered, units of them not yet acknowledged, and the amount
    acknowledged (atomic units) while this fleet has run."""

    devices: int
    open_channels: int
    metered: int
    unpaid: int
    amount: int


def register(
    api: Api,
    broker: Broker,
    account: str,
    name: str,
    kind: Kind,
    load: Load,
    speed: int,
    native: bool,
    random: Random,
    further: Mapping[str, object] | None = None,
) -> Member:
    """A new device with a key of its own, registered at the gateway; `further` are more of its
    settings. Raises ApiError."""
    seed = os.urandom(32)
    public = bytes(SigningKey(seed).verify_key)
    made = api.post(
        "/v1/devices", {"public_key": public.hex(), "account_id": account, "name": name}
    )
    given = {
        "password": made["mqtt"]["password"],
        "gateway_key": made["gateway_key"],
        **_tls(api, broker, made["device"]["id"]),
        **(further or {}),
    }
    settings = settings_of(broker, kind, given)
    board = SimulatedBoard(settings, seed, load, speed, native, random=random)
    return Member(name, account, kind, board, app.start(board))


def settings_of(broker: Broker, kind: Kind, given: Mapping[str, object]) -> Settings:
    """The settings of a device of this kind; `given` is what whoever registered it was told, its
    password and the gateway's key, and further ones."""
    return Settings(
        {
            "broker_host": broker.host,
            "broker_port": broker.port,
            "unit": kind.unit,
            "step": kind.step,
            "capacity": kind.capacity,
            "topup": kind.topup,
            "poll_ms": POLL_MS,
            "insecure": broker.insecure,
            **given,
        }
    )


def _tls(api: Api, broker: Broker, device: str) -> dict[str, str]:
    """The settings of a device's TLS, its certificate issued and put where the broker says."""
    if broker.authority is None:
        return {}
    found = {"tls_ca": str(broker.authority)}
    if broker.certificates is not None:
        issued = api.post(f"/v1/devices/{device}/certificate", {})
        certificate, key = (broker.certificates / f"{device}.{each}" for each in ("crt", "key"))
        key.touch(mode=0o600)
        key.write_text(issued["private_key"])
        certificate.write_text(issued["certificate"])
        found |= {"tls_certificate": str(certificate), "tls_key": str(key)}
    return found


class Fleet:
    """Devices that run until `stop`."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self._tasks: list[asyncio.Task[None]] = []
        # A device forgets a channel that is over; what was paid on it still counts here.
        self._seen: dict[str, dict[bytes, PayerChannel]] = {}

    def start(self) -> None:
        """Switch every device on."""
        for member in self.members:
            task = asyncio.create_task(app.run(member.board, member.device), name=member.name)
            self._tasks.append(task)

    def check(self) -> None:
        """Raises what ended a device, if something did."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    def by_account(self) -> dict[str, Totals]:
        """What each account's devices have come to."""
        owned: dict[str, list[Member]] = {}
        for member in self.members:
            owned.setdefault(member.account, []).append(member)
        return {account: self._totals(members) for account, members in owned.items()}

    def totals(self) -> Totals:
        """What all devices have come to."""
        return self._totals(self.members)

    def _totals(self, members: Sequence[Member]) -> Totals:
        devices = [member.device for member in members]
        return Totals(
            len(devices),
            sum(1 for device in devices for each in device.channels if each.state == OPEN),
            sum(device.total for device in devices),
            sum(device.unpaid() for device in devices),
            sum(self._acknowledged(device) for device in devices),
        )

    def _acknowledged(self, device: Device) -> int:
        seen = self._seen.setdefault(device.identity.id, {})
        seen.update((channel.id, channel) for channel in device.channels)
        return sum(channel.acked_amount for channel in seen.values())

    def refusals(self) -> dict[str, int]:
        """How often the gateway refused something, by its reason."""
        found: dict[str, int] = {}
        for member in self.members:
            for reason, count in member.device.refusals.items():
                found[reason] = found.get(reason, 0) + count
        return found

    def unpaid(self) -> list[Member]:
        """Devices that metered something that is not acknowledged."""
        return [member for member in self.members if member.device.unpaid() > 0]

    def end_loads(self) -> None:
        """Nothing more is consumed; what was metered is still to be paid."""
        for member in self.members:
            member.board.load_ended = True

    async def until_paid(self, seconds: float) -> bool:
        """Wait until all that was metered is acknowledged; False if it takes longer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # Two looks apart: a meter read between them would show.
            before = self.totals()
            await asyncio.sleep(_LOOK_SECONDS)
            self.check()
            after = self.totals()
            if after.unpaid == 0 and before.metered == after.metered:
                return True
        return False

    async def stop(self) -> None:
        """Switch every device off. Raises what ended a device before."""
        for member in self.members:
            member.board.ending = True
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result


def claimed_drops(api: Api, members: Sequence[Member]) -> int:
    """What the newest claims on the XRP Ledger that the gateway has of these devices are worth.
    Raises ApiError."""
    ids = {member.device.identity.id for member in members}
    drops = 0
    for channel in api.items("/v1/channels", limit="500"):
        if channel["device_id"] in ids:
            claim = api.get(f"/v1/channels/{channel['id']}/claim")
            drops += int(claim["transaction"]["Amount"]) if claim["transaction"] else 0
    return drops


def accepted_units(api: Api, members: Sequence[Member]) -> tuple[int, int]:
    """Units and atomic units that the gateway has accepted of these devices. Raises ApiError."""
    ids = {member.device.identity.id for member in members}
    units = amount = 0
    for channel in api.items("/v1/channels", limit="500"):
        if channel["device_id"] in ids:
            units += channel["units"]
            amount += int(channel["amount"]["amount"])
    return units, amount
