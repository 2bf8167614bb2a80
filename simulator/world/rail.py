"""The rail: a bank that acts on the manual rail's files, with books of its own.

It pays an instruction id once, however often it reads it, as banks do by their end-to-end ids. It
reads files with its own parser, and trusts nothing else of the gateway.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from simulator.world.faults import Faults
from simulator.world.operator import Operator
from simulator.world.watch import Watch

SCALE = 6


class RailError(Exception):
    """A file of instructions that no bank would act on."""


@dataclass(frozen=True)
class Order:
    """One instruction as the rail read it; `amount` in atomic units, below 0 to the account."""

    account: str
    currency: str
    amount: int


class SimulatedRail:
    """One bank. `outcomes` are what it did of each instruction: "done" or "failed"."""

    def __init__(self, folder: Path, operator: Operator, watch: Watch, faults: Faults) -> None:
        self._folder = folder
        self._operator = operator
        self._watch = watch
        self._faults = faults
        self._orders: dict[str, Order] = {}
        self.outcomes: dict[str, str] = {}
        self._reported: set[str] = set()
        self._rejecting = 0

    def reject_next(self, count: int = 1) -> None:
        """Refuse the next `count` instructions."""
        self._rejecting += count

    def execute(self, *, again: bool = False) -> None:
        """Read the files and pay what was not paid. Raises RailError."""
        for path in sorted(self._folder.glob("run-*.csv"), key=lambda each: (len(each.name), each)):
            for name, order in self._orders_in(path):
                known = self._orders.setdefault(name, order)
                if known != order:
                    raise RailError(f"{name}: was {known}, is {order}")
                if name in self.outcomes:
                    if again:
                        self._faults.took_effect("rail_read_twice")
                    continue
                self._decide(name, order)

    def _decide(self, name: str, order: Order) -> None:
        if self._rejecting:
            self._rejecting -= 1
            self.outcomes[name] = "failed"
            self._faults.took_effect("rail_rejected")
            return
        self.outcomes[name] = "done"
        self._watch.rail_paid(order.account, order.currency, order.amount, name)

    def _orders_in(self, path: Path) -> list[tuple[str, Order]]:
        rows = list(csv.reader(io.StringIO(path.read_text())))
        found = []
        for row in rows[1:]:
            name, _run, account, _name, direction, amount, currency = row
            whole, _, part = amount.partition(".")
            if len(part) != SCALE or direction not in ("collect", "pay"):
                raise RailError(f"{path.name}: {row}")
            sign = 1 if direction == "collect" else -1
            found.append((name, Order(account, currency, sign * int(whole + part))))
        return found

    def report(self, most: int = 1_000_000) -> None:
        """Let the operator record outcomes that were not yet recorded, oldest first."""
        waiting = [name for name in self.outcomes if name not in self._reported][:most]
        if waiting and self._operator.record([(name, self.outcomes[name]) for name in waiting]):
            self._reported.update(waiting)

    def report_again(self, *, opposite: bool = False) -> None:
        """Let the operator record outcomes that are recorded already, or their opposites."""
        names = [name for name in self.outcomes if name in self._reported]
        if not names:
            return
        turned = {"done": "failed", "failed": "done"} if opposite else {}
        rows = [(name, turned.get(self.outcomes[name], self.outcomes[name])) for name in names]
        self._operator.record(rows)
        self._faults.took_effect("rail_contradicted" if opposite else "rail_recorded_twice")

    def all_reported(self) -> bool:
        """Whether nothing waits to be recorded."""
        return len(self._reported) == len(self.outcomes)
