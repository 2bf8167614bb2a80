"""The world put together: what stories and scenarios act on.

Its parts are `devices`, `network`, `broker`, `gateway` (the machine), `operator`, `rail` and
`adversary`; time passes by `advance` alone.
"""

import hashlib
import tempfile
from pathlib import Path
from types import TracebackType

from gateway.keys import GatewayKeys
from gateway.settlement.rails.manual import ManualRail
from simulator.world import rest
from simulator.world.adversary import Adversary
from simulator.world.broker import Broker
from simulator.world.clock import Clock
from simulator.world.devices import SimulatedDevice, Surroundings
from simulator.world.disk_storage import storage_for
from simulator.world.faults import Faults
from simulator.world.gateway import GatewayMachine
from simulator.world.network import Network
from simulator.world.operator import Operator
from simulator.world.rail import SimulatedRail
from simulator.world.story import Options
from simulator.world.trace import Trace, database_digest
from simulator.world.watch import OracleMaker, Watch

POLL_MS = 1_000
_COARSE_POLL_MS = 15_000
_LONG_S = 600
"""Beyond so many seconds at once devices are looked at less often."""
_HOUSE_MS = 30_000


def memory_folder() -> Path | None:
    """A folder that is in memory, where the system has one."""
    shared = Path("/dev/shm")  # noqa: S108
    return shared if shared.is_dir() else None


class World:
    """One world, until it is closed."""

    def __init__(self, options: Options, oracle: OracleMaker) -> None:
        self.options = options
        self._folder = tempfile.TemporaryDirectory(prefix="tallystick-world-", dir=memory_folder())
        folder = Path(self._folder.name)
        self.faults = Faults()
        self.trace = Trace()
        self.clock = Clock(self._after_step)
        self.network = Network(self.clock, self.faults, self.trace)
        self.broker = Broker(
            self.clock, self.network, self.faults, self.trace, options.broker_queue
        )
        self.storage = storage_for(options.seed, folder, loses_power=options.loses_power)
        keys = GatewayKeys(self._seed("gateway"))
        self.watch = Watch(
            oracle(keys.public, self.storage.read), self.clock, self.trace, self.faults
        )
        self.gateway = GatewayMachine(
            self.storage, keys, self.clock, self.broker, self.watch, self.faults
        )
        self.watch.now_s = self.gateway.now_s
        rail_folder = folder / "settlements"
        self.operator = Operator(self.gateway, ManualRail(rail_folder), self.clock, self.watch)
        self.rail = SimulatedRail(rail_folder, self.operator, self.watch, self.faults)
        self.adversary = Adversary(self.broker, self.watch, self.faults)
        self._around = Surroundings(
            self.clock,
            self.broker,
            self.faults,
            self.watch,
            keys.public,
            lambda tariff: options.tariffs[tariff].unit,
            self._window,
        )
        self.operator.set_up(options)
        self.devices = [
            SimulatedDevice(self._around, number, each, self._seed(f"device {number}"))
            for number, each in enumerate(options.devices)
        ]
        self.copies: list[SimulatedDevice] = []
        for device in self.devices:
            self.operator.register(device.id, device.public_key, device.options.account)
        self._next_house = 0
        self.gateway.start()

    def __enter__(self) -> "World":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give everything back."""
        for process in list(self.gateway.processes):
            process.end("closed")
        self.storage.close()
        self._folder.cleanup()

    def _seed(self, name: str) -> bytes:
        return hashlib.sha256(f"world {self.options.seed} {name}".encode()).digest()

    def _window(self, number: int) -> int:
        tariff = self.options.tariffs[number]
        # Where a window costs less than one atomic unit, it reaches to the first that costs one.
        return max(tariff.window, -(-tariff.denominator // max(1, tariff.numerator)))

    def _after_step(self) -> None:
        self.watch.after_step()

    # Time

    def advance(self, seconds: float) -> None:
        """Let so much time pass, and everything happen that happens by itself."""
        until = self.clock.now + int(seconds * 1000)
        poll = POLL_MS if seconds <= _LONG_S else _COARSE_POLL_MS
        while self.clock.now < until:
            self.clock.run_until(min(until, self.clock.now + poll))
            for device in (*self.devices, *self.copies):
                device.poll()
            if self.clock.now >= self._next_house:
                self._next_house = self.clock.now + _HOUSE_MS
                self.gateway.keep_house()
            self.watch.after_step()

    # What several parts do together

    def copy_device(self, number: int) -> SimulatedDevice:
        """Put a copy of a device to work, with its key and what its journal now holds."""
        original = self.devices[number]
        copy = SimulatedDevice(
            self._around,
            len(self.devices) + len(self.copies),
            original.options,
            original.seed,
            original.flash.copy(),
        )
        copy.came_of_a_copy()
        self.copies.append(copy)
        original.forgot = original.excused = True
        self.faults.took_effect("device_copied")
        self.watch.declared("copied", original.id)
        return copy

    def settle(self) -> None:
        """Settle, let the rail pay, and record what came of it, until nothing is pending."""
        for _ in range(20):
            self.operator.settle()
            self.rail.execute()
            self.rail.report()
            self.watch.after_step()
            self.advance(2)
            if not self.operator.instructions_in(("pending", "submitted")) and not self._owed():
                return

    def _owed(self) -> bool:
        """Whether anything is left to settle: another run would find something."""
        conn = self.storage.read()
        try:
            query = (
                "SELECT EXISTS (SELECT 1 FROM balance WHERE amount <> 0"
                " AND (account LIKE 'payer:%' OR account LIKE 'payee:%'))"
                " OR EXISTS (SELECT 1 FROM channel"
                " WHERE state = 'open' AND amount > settled_amount)"
            )
            return bool(conn.execute(query).fetchone()[0])
        finally:
            conn.close()

    def drain(self, seconds: int = 600) -> list[str]:
        """Let time pass until nobody waits for anything, at most so long; what still waits."""
        waiting: list[str] = []
        for _ in range(0, seconds, 5):
            self.advance(5)
            waiting = rest.waiting(self)
            if not waiting:
                return []
        return waiting

    def database_digest(self) -> str:
        """A hash of what the database holds."""
        conn = self.storage.read()
        try:
            return database_digest(conn)
        finally:
            conn.close()
