"""The whole product on one machine, for tests that break it: real broker, real gateway process, and
devices that run the firmware's code."""

import asyncio
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from firmware.device import Device
from protocol import messages
from simulator import scene
from simulator.broker import Broker as BrokerProcess
from simulator.broker import start_broker
from simulator.fleet import Broker, Fleet, Kind, Member, accepted_units, register
from simulator.gateway_process import GatewayProcess
from simulator.loads import Load
from simulator.loads.sensor import Sensor
from tallystick import Api

WAIT_SECONDS = 90.0

READING_PRICE = 250
"""Micro-euro, as the scene has it."""

Marks = dict[bytes, tuple[int, int]]
"""Amount and units by channel."""


@dataclass
class Stage:
    """One installation that runs."""

    data: Path
    token: str
    broker: BrokerProcess
    gateway: GatewayProcess
    told: Marks
    """The highest that each channel's device has ever been told is on disk."""
    members: list[Member] = field(default_factory=list)

    @contextlib.contextmanager
    def api(self) -> Iterator[Api]:
        """The API; its port is another one after a restart."""
        with Api(self.gateway.url, self.token) as api:
            yield api

    def add(
        self,
        load: Load,
        kind: Kind = scene.READINGS,
        port: int = 0,
        account: str = scene.FLEETS[0][0],
        name: str | None = None,
        **further: object,
    ) -> Member:
        """Register one more device; `port` if it is to reach the broker through something, and
        `further` settings."""
        with self.api() as api:
            member = register(
                api,
                Broker(self.broker.host, port or self.broker.port),
                account,
                name or f"device-{len(self.members)}",
                kind,
                load,
                1,
                True,
                Random(len(self.members)),
                further,
            )
        self.members.append(member)
        return member

    def add_busy(self, count: int) -> None:
        """Devices that have something to pay many times a second."""
        for number in range(count):
            self.add(Sensor(interval_ms=20 + number, burst=3, burst_every=10))

    def totals_agree(self) -> None:
        """What was metered is what was accepted, is stored, and costs; every ack is covered, and
        the books are whole."""
        metered = sum(member.device.total for member in self.members)
        with self.api() as api:
            assert accepted_units(api, self.members) == (metered, metered * READING_PRICE)
        stored = self.marks().values()
        assert sum(units for _, units in stored) == metered
        assert sum(amount for amount, _ in stored) == metered * READING_PRICE
        self.nothing_acked_is_lost()
        assert self.command("books") == 0

    def nothing_acked_is_lost(self) -> None:
        """Each ack that any device has ever had is covered by what is in the database."""
        assert self.told, "no device was told anything"
        marks = self.marks()
        for channel, (amount, units) in self.told.items():
            stored = marks[channel]
            assert stored[0] >= amount, channel.hex()
            assert stored[1] >= units, channel.hex()

    def command(self, *words: str) -> int:
        """Run `tallystick`; its exit status."""
        command = [sys.executable, "-m", "gateway.cli", "--data", str(self.data), *words]
        return subprocess.run(command, capture_output=True, check=False, timeout=120).returncode

    def marks(self) -> Marks:
        """Each channel's mark, straight from the database."""
        query = "SELECT id, amount, units FROM channel"
        url = os.environ.get("TALLYSTICK_DATABASE_URL")
        if url:
            with psycopg.connect(url) as server:
                rows: list[tuple[Any, ...]] = server.execute(query).fetchall()
        else:
            with contextlib.closing(sqlite3.connect(self.data / "gateway.db")) as file:
                rows = file.execute(query).fetchall()
        return {bytes(row[0]): (row[1], row[2]) for row in rows}


@contextlib.contextmanager
def recorded() -> Iterator[Marks]:
    """What devices in this process are told from now on, of each channel the highest."""
    told: Marks = {}
    take = Device.on_message

    def on_message(device: Device, kind: str, message: bytes, now: int) -> list[tuple[str, bytes]]:
        if kind == "ack":
            ack = device.belief.told("ack", message, messages.read_ack)
            mark = (ack.amount, ack.units)
            told[ack.channel] = max(told.get(ack.channel, (0, 0)), mark)
        return take(device, kind, message, now)

    Device.on_message = on_message
    try:
        yield told
    finally:
        Device.on_message = take


@contextlib.contextmanager
def stage(data: Path) -> Iterator[Stage]:
    """A new installation with accounts and tariffs, running; its database is SQLite, or what
    TALLYSTICK_DATABASE_URL names."""
    command = [sys.executable, "-m", "gateway.cli", "--data", str(data), "--json", "init"]
    made = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    token = json.loads(made.stdout)["admin_token"]
    with (
        recorded() as told,
        start_broker(data) as broker,
        GatewayProcess(data, broker.port) as gateway,
    ):
        built = Stage(data, token, broker, gateway, told)
        with built.api() as api:
            scene.add_accounts(api)
            scene.add_tariffs(api)
        yield built


@contextlib.asynccontextmanager
async def running(members: list[Member]) -> AsyncIterator[Fleet]:
    """A fleet that is on, and is off at the end."""
    fleet = Fleet(members)
    fleet.start()
    try:
        yield fleet
    finally:
        await fleet.stop()


async def until(condition: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS) -> None:
    """Wait for a condition; fails by its name after `seconds`."""
    for _ in range(int(seconds * 20)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


async def all_paid(fleet: Fleet) -> None:
    """End the loads and wait until everything is acknowledged."""
    fleet.end_loads()
    assert await fleet.until_paid(WAIT_SECONDS), fleet.totals()


def acked_units(stage: Stage) -> int:
    """Units that the devices know to be paid."""
    return sum(member.device.total - member.device.unpaid() for member in stage.members)


async def power_cut(member: Member, task: "asyncio.Task[None]") -> None:
    """Take a device's power away in mid-sentence; only its journal is left."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    member.switch_on_again()
