"""The operator: use cases of `gateway.operations`, each in a process of its own, as by command.

What people may do is the gateway's to say: a refusal of a typed kind is an answer like any other.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from gateway.keys import GatewayKeys
from gateway.ledger.states import IllegalMove
from gateway.operations import (
    accounts,
    backing,
    channels,
    devices,
    rotation,
    settlement,
    tariffs,
)
from gateway.operations.errors import BadInput
from gateway.operations.in_turn import in_turn
from gateway.pki.authority import Issued
from gateway.settlement.bank.xml import BankFileError
from gateway.settlement.rails import Instruction, Outcome, Rail, RailError
from gateway.settlement.rails.registry import Rails
from gateway.settlement.verify_books import verify_books
from gateway.store.engine import Store
from gateway.store.errors import Conflict, StoreError
from gateway.store.tables import Base
from simulator.world.clock import Clock
from simulator.world.gateway import GatewayMachine
from simulator.world.storage import Crash, Opened, Traps
from simulator.world.story import Options, TariffOptions
from simulator.world.watch import Watch

_NOTICED_MS = 1_000
"""How soon the gateway looks at what an operator decided."""

Step = Callable[[Store], object]
_REFUSALS = (StoreError, IllegalMove, BadInput, BankFileError, RailError, SQLAlchemyError, OSError)


def tariff_of(name: str, each: TariffOptions) -> tariffs.NewTariff:
    """A tariff of the options, as it is added."""
    return tariffs.NewTariff(
        name,
        each.unit,
        each.numerator,
        each.denominator,
        each.payee,
        each.window,
        each.capacity,
        each.lifetime_s,
        session_fee=each.session_fee,
        fee_fixed=each.fee_fixed,
        fee_bp=each.fee_bp,
        fee_account=each.fee_account or None,
    )


class NoCredentials:
    """The broker's passwords, which nothing here checks."""

    def new(self, device: str) -> str:
        """A password for a device."""
        return "password of " + device

    def certificate(self, device: str, days: int) -> tuple[Issued, bytes]:
        """None: connections here have no TLS. Raises BadInput."""
        raise BadInput("certificate", f"{device}: nothing here takes one of {days} days")

    def remove(self, device: str) -> None:
        """End a device's password."""


class _FragileRail:
    """A rail whose caller dies before or after the file is written."""

    def __init__(self, rail: Rail, before: bool) -> None:
        self._rail = rail
        self._before = before

    def __getattr__(self, name: str) -> object:
        return getattr(self._rail, name)

    def submit(self, batch: str, instructions: Sequence[Instruction]) -> None:
        """Take the instructions or not, and die."""
        if not self._before:
            self._rail.submit(batch, instructions)
        raise Crash("submit")


class Operator:
    """Whoever runs the gateway. Each method says whether it was done."""

    def __init__(
        self, machine: GatewayMachine, rails: Sequence[Rail], clock: Clock, watch: Watch
    ) -> None:
        """`rails`: the first is the default."""
        self._machine = machine
        self._rails = rails
        self.rails = Rails.of(*rails)
        self._clock = clock
        self._watch = watch
        self._credentials = NoCredentials()
        self._part = 0
        self.refused: list[str] = []
        self.refusal: Exception | None = None

    @property
    def keys(self) -> GatewayKeys:
        """The gateway's keys."""
        return self._machine.keys

    # Setting up

    def set_up(self, options: Options) -> None:
        """Add what the options name."""
        self._part = options.run_part

        def step(store: Store) -> None:
            for name, currency, limit in options.accounts:
                accounts.add(store, name, name.title(), currency, credit_limit=limit)
            for number, each in enumerate(options.tariffs):
                tariffs.add(store, tariff_of(f"tariff {number}", each))

        if not self.act("set_up", step):
            raise RuntimeError(f"the options were refused: {self.refused}")

    def register(self, device_id: str, public_key: bytes, account: str) -> None:
        """Register a device."""

        def step(store: Store) -> None:
            told = self._machine.keys.public
            devices.register(store, self._credentials, public_key, account, "device", told)

        if not self.act("register", step):
            raise RuntimeError(f"device {device_id} was refused: {self.refused}")
        self._watch.oracle.registered(device_id, public_key, account)

    # Devices and channels

    def suspend(self, device_id: str) -> bool:
        """Let a device deliver nothing for now."""
        return self._count(
            "suspended", self.act("suspend", lambda store: devices.suspend(store, device_id))
        )

    def resume(self, device_id: str) -> bool:
        """Let it deliver again."""
        return self.act("resume", lambda store: devices.resume(store, device_id))

    def revoke(self, device_id: str) -> bool:
        """End a device for good."""
        done = self.act("revoke", lambda store: devices.revoke(store, self._credentials, device_id))
        # A commit whose sync failed may stand, whatever whoever asked for it was told.
        done = done or self._is_revoked(device_id)
        if done:
            self._watch.declared("revoked", device_id)
        return self._count("revoked", done)

    def _is_revoked(self, device_id: str) -> bool:
        found: list[str] = []
        self.act("", lambda store: found.append(devices.show(store, device_id).status))
        return found == ["revoked"]

    def close(self, device_id: str) -> bool:
        """Close one of a device's live channels."""
        return any(self.close_channel(bytes(row.id)) for row in self.live(device_id)[:1])

    def close_channel(self, channel: bytes) -> bool:
        """Close a channel."""
        done = self.act("close", lambda store: channels.close(store, channel))
        if done:
            self._watch.declared("operator_closed", channel.hex())
        return self._count("closed_by_operator", done)

    def thaw(self, device_id: str) -> bool:
        """Let a device's frozen channels go on."""
        done = False
        for row in self.live(device_id):
            if row.state == "frozen":
                channel = bytes(row.id)
                # Before, since what follows is only lawful because it was decided.
                self._watch.declared("thawed", channel.hex())
                done = self.act("thaw", lambda store: channels.thaw(store, channel))  # noqa: B023
                self._count("thawed", done)
        return done

    def live(self, device_id: str) -> list[Row[Any]]:
        """A device's channels that are not closed, as the books have them."""
        found: list[Row[Any]] = []

        def step(store: Store) -> None:
            page = channels.page(store, device_id=device_id)
            found.extend(row for row, _tariff in page.items if row.state != "closed")

        self.act("", step)
        return found

    def twice(self, action: Callable[[], bool]) -> None:
        """Do something, and click again."""
        if action():
            again = action()
            self._watch.faults.took_effect("double_click")
            self._watch.trace.note(self._clock.now, f"operator again {again}")

    # Keys

    def rotate_key(self, seed: bytes) -> None:
        """Let another key follow the gateway's."""
        # Before, since what is signed with it is only lawful because of that.
        public = self._machine.rotate(seed)
        self._watch.declared("key_rotated", public.hex())
        self._watch.faults.took_effect("key_rotated")

    def retire_key(self, *, all_the_same: bool) -> bool:
        """Retire the oldest key that is held and was followed, if nothing needs it any more."""
        keys = self._machine.keys
        held = [each.public for each in keys.older if each.key is not None]
        if not held:
            return False

        def step(store: Store) -> None:
            needed = rotation.still_needed(store, keys, held[0])
            if needed and not all_the_same:
                raise Conflict("; ".join(needed))

        done = self.act("retire_key", step)
        if done:
            self._machine.retire(held[0])
            self._watch.declared("key_retired", held[0].hex())
        return self._count("key_retired", done)

    # Money

    def settle(self) -> bool:
        """Settle all currencies."""
        return self.act("settle", lambda store: self._settled(store, self.rails))

    def settle_killed(self, point: str, after: int) -> bool:
        """Settle, and be killed at a trap's point, or when the rail is given the instructions
        (`before_submit`, `after_submit`); says whether the settlement was killed."""
        if point in ("before_submit", "after_submit"):
            fragile = self._fragile(point == "before_submit")
            return not self.act("settle", lambda store: self._settled(store, fragile))
        return not self.act(
            "settle",
            lambda store: self._settled(store, self.rails),
            lambda traps: traps.set(point, after),
        )

    def _fragile(self, before: bool) -> Rails:
        return Rails.of(*(cast(Rail, _FragileRail(each, before)) for each in self._rails))

    def settle_raced(self, after: int) -> None:
        """Settle, and let another operator settle before this one's transaction number
        `after + 1`."""

        def other() -> None:
            self.settle()
            self._watch.faults.took_effect("settlement_raced")

        self.settle_while(other, after)

    def settle_while(self, act: Callable[[], None], after: int) -> None:
        """Settle, and let something happen before transaction number `after + 1`."""
        self.act(
            "settle",
            lambda store: self._settled(store, self.rails),
            lambda traps: traps.between(after, act),
        )

    def _settled(self, store: Store, rails: Rails) -> None:
        settlement.settle(store, self._machine.keys, rails, None, "shell:operator", part=self._part)

    def look(self) -> bool:
        """Look at what is locked, and bring on what waits, as the gateway does by itself."""

        def step(store: Store) -> None:
            looks = {
                f"looking at {each.name}": partial(backing.look, store, each)
                for each in self._rails
            }
            in_turn({**looks, "handing over": partial(settlement.hand_over, store, self.rails)})

        return self.act("look", step)

    def record(self, outcomes: Sequence[tuple[str, str]]) -> bool:
        """Record what the rail reported, all or none."""
        rows = [Outcome(instruction, outcome, "") for instruction, outcome in outcomes]
        return self.act("record", lambda store: settlement.record(store, rows))

    def instructions_in(self, states: Sequence[str]) -> list[str]:
        """The ids of all instructions that are in one of these states."""
        found: list[str] = []
        table = Base.metadata.tables["instruction"]

        def step(store: Store) -> None:
            with store.read() as conn:
                query = table.select().where(table.c.state.in_(states)).order_by(table.c.id)
                found.extend(row.id for row in conn.execute(query))

        self.act("", step)
        return found

    def books(self) -> list[str]:
        """What `tallystick books` finds wrong."""
        found: list[str] = []

        def step(store: Store) -> None:
            report = verify_books(store, *self._machine.keys.publics)
            found.extend(f"{each.where}: {each.what}" for each in report.discrepancies)

        self.act("", step)
        return found

    # Inside

    def _count(self, kind: str, done: bool) -> bool:
        if done:
            self._watch.faults.took_effect(kind)
        return done

    def act(
        self,
        name: str,
        step: Step,
        trap: Callable[[Traps], None] = lambda _traps: None,
        killed: str = "settlement_killed",
    ) -> bool:
        """One command, from opening the database to the end of its process. If a trap kills it,
        that is a fault of kind `killed`; why it was refused is in `refusal`. One without a name
        only looks."""
        machine = self._machine
        opened = Opened(
            machine.storage, machine.now_s, self._watch.committed, self._watch.disk_failed
        )
        trap(opened.traps)
        done = True
        self.refusal = None
        try:
            step(opened.store)
        except Crash:
            self._watch.faults.took_effect(killed)
            done = False
        except _REFUSALS as error:
            self.refused.append(f"{name}: {error}")
            self.refusal = error
            done = False
        finally:
            opened.close()
        if name:
            self._watch.trace.note(self._clock.now, f"operator {name} {done}")
            self._clock.after(_NOTICED_MS, machine.keep_house)
        return done
