"""Who watches: the trace, and the oracle that judges.

What the oracle is told is decided here; what must hold is the oracle's alone.
"""

import sqlite3
from collections.abc import Callable
from typing import Protocol

from simulator.world.clock import Clock
from simulator.world.faults import Faults
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

    def gateway_said(self, device_id: str, kind: str, payload: bytes, at: int) -> None:
        """What the gateway handed to the network, also if it is lost later."""

    def rail_paid(self, account: str, currency: str, amount: int, reference: str) -> None:
        """From the rail's own book."""

    def declared(self, what: str, subject: str) -> None:
        """What people did on purpose, and what befell a device."""

    def check(self) -> None:
        """Safety."""

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

    def rail_paid(self, account: str, currency: str, amount: int, reference: str) -> None:
        """The rail moved money: positive from the account, negative to it."""
        self.trace.note(self._clock.now, f"rail {account} {currency} {amount} {reference}")
        self.oracle.rail_paid(account, currency, amount, reference)
        self._news = True

    def declared(self, what: str, subject: str) -> None:
        """Something was done on purpose, or befell a device."""
        self.trace.note(self._clock.now, f"declared {what} {subject}")
        self.oracle.declared(what, subject)
        self._news = True

    def committed(self) -> None:
        """The database may hold something new."""
        self._news = True

    def disk_failed(self, what: str) -> None:
        """A write or sync of the gateway's disk failed."""
        self.faults.took_effect(f"{what}_failed")
        self._news = True

    def after_step(self) -> None:
        """Let the oracle look, if anything happened that it could see."""
        if self._news:
            self._news = False
            self.oracle.check()
