"""The whole product on one machine, for tests that break it: real broker, real gateway process, and
devices that run the firmware's code."""

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from simulator import scene
from simulator.broker import Broker as BrokerProcess
from simulator.broker import start_broker
from simulator.client import Api
from simulator.fleet import Broker, Fleet, Kind, Member, accepted_units, register
from simulator.gateway_process import GatewayProcess
from simulator.loads import Load
from simulator.loads.sensor import Sensor

WAIT_SECONDS = 90.0


@dataclass
class Stage:
    """One installation that runs."""

    data: Path
    token: str
    broker: BrokerProcess
    gateway: GatewayProcess
    members: list[Member] = field(default_factory=list)

    @contextlib.contextmanager
    def api(self) -> Iterator[Api]:
        """The API; its port is another one after a restart."""
        with Api(self.gateway.url, self.token) as api:
            yield api

    def add(self, load: Load, kind: Kind = scene.READINGS, port: int = 0) -> Member:
        """Register one more device; `port` if it is to reach the broker through something."""
        with self.api() as api:
            member = register(
                api,
                Broker(self.broker.host, port or self.broker.port),
                scene.FLEETS[0][0],
                f"device-{len(self.members)}",
                kind,
                load,
                1,
                True,
                Random(len(self.members)),
            )
        self.members.append(member)
        return member

    def add_busy(self, count: int) -> None:
        """Devices that have something to pay many times a second."""
        for number in range(count):
            self.add(Sensor(interval_ms=20 + number, burst=3, burst_every=10))

    def totals_agree(self) -> None:
        """What was metered is what was accepted, and the books are whole."""
        with self.api() as api:
            units, _ = accepted_units(api, self.members)
            assert units == sum(member.device.total for member in self.members)
        assert self.command("books") == 0

    def command(self, *words: str) -> int:
        """Run `tallystick`; its exit status."""
        command = [sys.executable, "-m", "gateway.cli", "--data", str(self.data), *words]
        return subprocess.run(command, capture_output=True, check=False, timeout=120).returncode

    def marks(self) -> dict[bytes, int]:
        """Each channel's amount, straight from the SQLite database."""
        with contextlib.closing(sqlite3.connect(self.data / "gateway.db")) as database:
            return dict(database.execute("SELECT id, amount FROM channel").fetchall())

    def acknowledged(self) -> dict[bytes, int]:
        """What the devices have been told is on disk."""
        return {
            channel.id: channel.acked_amount
            for member in self.members
            for channel in member.device.channels
        }


@contextlib.contextmanager
def stage(data: Path) -> Iterator[Stage]:
    """A new installation with accounts and tariffs, running."""
    command = [sys.executable, "-m", "gateway.cli", "--data", str(data), "--json", "init"]
    made = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    token = json.loads(made.stdout)["admin_token"]
    with start_broker(data) as broker, GatewayProcess(data, broker.port) as gateway:
        built = Stage(data, token, broker, gateway)
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
