"""The world put together: what stories and scenarios act on.

Its parts are `devices`, `network`, `broker`, `gateway` (the machine), `operator`, `rail` and
`adversary`; time passes by `advance` alone.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from gateway.keys import GatewayKeys
from gateway.operations.bank import bank_rail
from gateway.settlement.rails import Rail
from gateway.settlement.rails.manual import ManualRail
from gateway.settlement.rails.registry import make as make_rail
from protocol.pricing import Tariff
from simulator.world import rest
from simulator.world.adversary import Adversary
from simulator.world.bank import BOOKS, Bank
from simulator.world.bookkeeper import Bookkeeper
from simulator.world.broken import Broken
from simulator.world.broker import Broker
from simulator.world.clock import Clock
from simulator.world.devices import SimulatedDevice, Surroundings
from simulator.world.disk_storage import storage_for
from simulator.world.faults import Faults
from simulator.world.gateway import GatewayMachine
from simulator.world.network import Network
from simulator.world.operator import Operator
from simulator.world.places import Place
from simulator.world.prices import Prices
from simulator.world.rail import SimulatedRail
from simulator.world.story import Options
from simulator.world.timetable import Timetable
from simulator.world.trace import Trace, database_digest
from simulator.world.treasury import Treasury
from simulator.world.watch import OracleMaker, Watch

if TYPE_CHECKING:
    from simulator.world.chain.waterfront import Waterfront

POLL_MS = 1_000
_COARSE_POLL_MS = 15_000
_LONG_S = 600
"""Beyond so many seconds at once devices are looked at less often."""
_HOUSE_MS = 30_000
_NIGHT_POLL_MS = 1_800_000
_CREDITOR = "DE98ZZZ09999999999"
_ROUNDS = 12
"""After so many looks at a chain that nothing befalls, what waited has come to its end."""


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
        manual, sepa = folder / "settlements", folder / "sepa"
        holders = [name for name, currency, _limit in options.accounts if currency == "EUR"]
        self.bank = Bank(sepa, holders, self.watch, self.faults)
        settings = {"name": "Operator", "iban": self.bank.iban, "creditor_id": _CREDITOR}
        at_bank = bank_rail(make_rail("sepa", folder, settings))
        rails: list[Rail] = [ManualRail(manual), at_bank]
        self.waterfront = self._waterfront(options, holders, folder)
        if self.waterfront is not None:
            rails.append(self.waterfront.rail)
        self.operator = Operator(self.gateway, rails, self.clock, self.watch)
        self.prices = Prices(self.operator, self.watch, options.tariffs)
        self.rail = SimulatedRail(manual, self.operator, self.watch, self.faults)
        self.treasury = Treasury(self.operator, self.rail, self.watch, self.storage.read)
        self.timetable = Timetable(
            self.operator, self.treasury, self.watch, self.storage.read, options.run_part
        )
        self.bookkeeper = Bookkeeper(self.treasury, self.bank, at_bank, self.watch)
        self.adversary = Adversary(self.broker, self.watch, self.faults)
        self._around = Surroundings(
            self.clock,
            self.broker,
            self.faults,
            self.watch,
            keys.public,
            lambda tariff: options.tariffs[tariff].unit,
            self._window,
            self._price,
        )
        self.operator.set_up(options)
        for account, amount in options.deposits:
            self.treasury.pay_in(account, amount)
        if self.waterfront is not None:
            for account, _units in options.chain.locked if options.chain else ():
                self.treasury.propose_payout(account, *self.waterfront.place(account))
                self.treasury.approve_payout(alone=False, cooling_s=0)
            self.operator.look()
        self.devices = [
            SimulatedDevice(self._around, number, each, self._seed(f"device {number}"))
            for number, each in enumerate(options.devices)
        ]
        for device in self.devices:
            if device.options.buys_from >= 0:
                device.source = self.devices[device.options.buys_from]
            if device.options.idle_of >= 0:
                watched = self.devices[device.options.idle_of]
                device.place = Place(watched, device.options.idle_after_s * 1_000)
        self.copies: list[SimulatedDevice] = []
        for device in self.devices:
            self.operator.register(device.id, device.public_key, device.options.account)
        self._next_house = 0
        self.gateway.start()

    def _waterfront(
        self, options: Options, accounts: Sequence[str], folder: Path
    ) -> "Waterfront | None":
        if options.chain is None:
            return None
        # Its libraries take longer to load than most worlds take.
        from simulator.world.chain.waterfront import Waterfront

        key = self._seed("chain")
        return Waterfront(options.chain, accounts, folder, key, self.clock, self.watch, self.faults)

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
        # Where a window costs less than one atomic unit, it reaches to the first that costs one.
        to_next = [
            -(-denominator // max(1, numerator))
            for numerator, denominator in self.prices.all_of(number)
        ]
        return max([self.options.tariffs[number].window, *to_next])

    def _price(self, number: int) -> Tariff:
        tariff = self.options.tariffs[number]
        currencies = {name: currency for name, currency, _limit in self.options.accounts}
        currency = currencies[tariff.payee]
        return Tariff(
            tariff.unit,
            tariff.numerator,
            tariff.denominator,
            currency,
            session_fee=tariff.session_fee,
        )

    def _after_step(self) -> None:
        self.watch.after_step()

    # Time

    def advance(self, seconds: float) -> None:
        """Let so much time pass, and everything happen that happens by itself."""
        self._pass(int(seconds * 1000), POLL_MS if seconds <= _LONG_S else _COARSE_POLL_MS)

    def sleep(self, hours: int) -> None:
        """Let hours pass in which hardly anything goes on: clocks are looked at twice in each."""
        self._pass(hours * 3_600_000, _NIGHT_POLL_MS)

    def _pass(self, milliseconds: int, poll: int) -> None:
        until = self.clock.now + milliseconds
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
        copy.source = original.source
        copy.came_of_a_copy()
        self.copies.append(copy)
        original.forgot = original.excused = original.muddled = True
        self.faults.took_effect("device_copied")
        self.watch.declared("copied", original.id)
        return copy

    def rotate_key(self, down_ms: int) -> None:
        """Let another key follow the gateway's, and start it anew after so long; if below 0, it
        runs on under the old one until something else ends it."""
        number = len(self.gateway.keys.publics)
        self.operator.rotate_key(self._seed(f"gateway {number}"))
        if down_ms >= 0:
            self.gateway.kill(down_ms)

    def retire_key(self, all_the_same: int, down_ms: int) -> None:
        """Retire the gateway's oldest key, and start it anew after so long."""
        if self.operator.retire_key(all_the_same=bool(all_the_same)):
            self.gateway.kill(down_ms)

    def settle(self) -> None:
        """Settle, let the rails pay, and record what came of it, until nothing is left to do.
        Raises Broken if there always is."""
        for _ in range(20):
            runs = self._runs()
            self.operator.settle()
            self.rail.execute()
            self.rail.report()
            self.bank.read("none", BOOKS[self.options.seed % len(BOOKS)])
            if not self.bank.all_stated():
                self.bank.tell("statement")
            self.bookkeeper.take_in()
            while self.bookkeeper.assign():
                pass
            self._over_chain()
            self.watch.after_step()
            self.advance(2)
            if not self.unsettled() and self._runs() == runs:
                return
        raise Broken(20, f"settling has no end: {', '.join(self.unsettled()) or 'always a run'}")

    def _over_chain(self) -> None:
        """Bring what waits for the chain to its end there, if nothing is in the way."""
        if self.waterfront is None:
            return
        for _ in range(_ROUNDS):
            self.operator.look()
            if not self.operator.instructions_in(("submitted",)):
                break
            self.advance(self.waterfront.settles_in_s)

    def _runs(self) -> dict[int, str]:
        return {row.number: row.state for row in self.treasury.rows("run", "number").values()}

    def unsettled(self) -> list[str]:
        """What has come to no end: instructions, outcomes and bookings, in words."""
        found = self.operator.instructions_in(("pending", "submitted"))
        if not self.rail.all_reported():
            found.append("outcomes that were not recorded")
        if self.bank.outbox or not self.bank.all_stated():
            found.append("what the bank has told or has to tell")
        rows = self.treasury.rows("booking", "id").values()
        return found + [f"booking {row.id}" for row in rows if row.state == "suspense"]

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
