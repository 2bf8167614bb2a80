"""Who watches: the trace, and the oracle that judges.

What the oracle is told is decided here; what must hold is the oracle's alone.
"""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Protocol

from simulator.world.clock import Clock
from simulator.world.faults import Faults
from simulator.world.movement import Movement
from simulator.world.trace import Trace


class Oracle(Protocol):
    """Whoever judges the books. `check` after each step, `check_settled` when all is quiet; both
    raise what they find."""

    def registered(self, device_id: str, public_key: bytes, account: str) -> None:
        """A device was registered."""

    def device_said(self, device_id: str, kind: str, payload: bytes, at: int) -> None:
        """What a device's code handed to its link at Unix second `at`."""

    def device_holds(
        self, device_id: str, *, delivered_units: int, signed_units: int, window: int
    ) -> None:
        """A device's meter, and up to where on its scale it has signed."""

    def payee_holds(self, device_id: str, *, unpaid_units: int, window: int) -> None:
        """What a device that is paid has delivered and nobody paid, and the most that may be."""

    def device_delivers(self, device_id: str, channel: bytes, units: int) -> None:
        """How many units of a channel a device's load has drawn."""

    def place_seen(
        self, device_id: str, *, at: int, moved: int, taken: bool, after_ms: int, counted: int
    ) -> None:
        """What is so at the place of an idle meter at this millisecond: how much was consumed there
        in all, and whether somebody is there who could; and what the meter has counted."""

    def device_keeps(self, device_id: str, *, metered: int, paid: int) -> None:
        """What a device knows to have metered, and up to where on that scale its IOUs pay."""

    def wrote(self, name: str, token: int) -> None:
        """A gateway has committed under its token of a lease."""

    def gateway_said(self, device_id: str, kind: str, payload: bytes, at: int) -> None:
        """What the gateway handed to the network, also if it is lost later."""

    def rail_moved(self, moved: Movement, reference: str, *, instructed: bool) -> None:
        """From the rail's own book: above zero from the account, for an instruction or not."""

    def rail_returned(self, reference: str) -> None:
        """From the rail's own book: what it had moved for an instruction came back."""

    def rail_booked(self, rail: str, amount: int, end_to_end: str, text: str) -> None:
        """A line of a bank's book as it will be told."""

    def escrow_final(self, rail: str, height: int, locked: Mapping[str, int]) -> None:
        """What accounts have locked with a rail and are not leaving with, in atomic units: final at
        this height, which is the next."""

    def declared(self, what: str, subject: str) -> None:
        """What people did on purpose, and what befell a device."""

    def check(self, at: int | None = None) -> None:
        """Safety, at this Unix second by the gateway's clock."""

    def check_settled(self) -> None:
        """Model, books and rail agree."""


OracleMaker = Callable[[bytes, Callable[[], sqlite3.Connection]], Oracle]
"""Makes one from the gateway's public key and a way to read what is durable."""


class Watch:
    """Tells trace and oracle, and asks the oracle when there is something new."""

    def __init__(self, oracle: Oracle, clock: Clock, trace: Trace, faults: Faults) -> None:
        self.oracle = oracle
        self.trace = trace
        self.faults = faults
        self.now_s: Callable[[], int] = lambda: 0
        self._clock = clock
        self._news = False

    def device_said(self, device_id: str, kind: str, payload: bytes) -> None:
        """A device's code wants this sent."""
        self.trace.note(self._clock.now, f"device {device_id} {kind}", payload)
        self.oracle.device_said(device_id, kind, payload, self.now_s())
        self._news = True

    def gateway_said(self, device_id: str, kind: str, payload: bytes) -> None:
        """The gateway hands this to the network."""
        self.trace.note(self._clock.now, f"gateway {device_id} {kind}", payload)
        self.oracle.gateway_said(device_id, kind, payload, self.now_s())
        self._news = True

    def rail_moved(self, moved: Movement, reference: str, *, instructed: bool) -> None:
        """A rail moved money, above zero from the account: for the instruction of this id, or under
        this name where nobody had instructed it."""
        self.trace.note(self._clock.now, f"{moved} {reference}")
        self.oracle.rail_moved(moved, reference, instructed=instructed)
        self._news = True

    def rail_returned(self, reference: str) -> None:
        """What a rail had moved for an instruction came back."""
        self.trace.note(self._clock.now, f"returned {reference}")
        self.oracle.rail_returned(reference)
        self._news = True

    def rail_booked(self, rail: str, amount: int, end_to_end: str, text: str) -> None:
        """A bank's book has another line."""
        self.trace.note(self._clock.now, f"{rail} books {amount} {end_to_end} {text}")
        self.oracle.rail_booked(rail, amount, end_to_end, text)

    def escrow_final(self, rail: str, height: int, locked: Mapping[str, int]) -> None:
        """What is locked with a rail is final at the next height."""
        self.oracle.escrow_final(rail, height, locked)

    def declared(self, what: str, subject: str) -> None:
        """Something was done on purpose, or befell a device."""
        self.trace.note(self._clock.now, f"declared {what} {subject}")
        self.oracle.declared(what, subject)
        self._news = True

    def committed(self) -> None:
        """The database may hold something new."""
        self._news = True

    def disk_failed(self, kind: str) -> None:
        """A write or sync of the gateway's disk failed, by this kind of fault."""
        self.faults.took_effect(kind)
        self._news = True

    def after_step(self) -> None:
        """Let the oracle look, if anything happened that it could see."""
        if self._news:
            self._news = False
            self.oracle.check(self.now_s())
