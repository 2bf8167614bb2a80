"""The rail: a bank that acts on the manual rail's files, with books of its own.

It pays an instruction id once, however often it reads it, as banks do by their end-to-end ids. It
reads files with its own parser, and trusts nothing else of the gateway.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from simulator.world.faults import Faults
from simulator.world.movement import Movement
from simulator.world.operator import Operator
from simulator.world.watch import Watch

SCALE = 6
NAME = "manual"
FILES = ("run-*.csv", "withdrawal-*.csv")


class RailError(Exception):
    """A file of instructions that no bank would act on."""


@dataclass(frozen=True)
class Order:
    """One instruction as the rail read it; `amount` in atomic units, below 0 to the account."""

    account: str
    currency: str
    amount: int


def orders_in(path: Path) -> list[tuple[str, Order]]:
    """The instructions in a file, by their ids. Raises RailError."""
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


class SimulatedRail:
    """One bank. `outcomes` are what it did of each instruction: "done", "failed" or "returned"."""

    def __init__(self, folder: Path, operator: Operator, watch: Watch, faults: Faults) -> None:
        self._folder = folder
        self._operator = operator
        self._watch = watch
        self._faults = faults
        self._orders: dict[str, Order] = {}
        self.received: dict[str, Order] = {}
        self.outcomes: dict[str, str] = {}
        self._reported: dict[str, str] = {}
        self._rejecting = 0

    def reject_next(self, count: int = 1) -> None:
        """Refuse the next `count` instructions."""
        self._rejecting += count

    def receive(self, account: str, currency: str, amount: int, reference: str) -> Order:
        """Somebody pays in for an account, once under each reference; what came under it."""
        if reference not in self.received:
            self.received[reference] = Order(account, currency, amount)
            moved = Movement(NAME, account, currency, amount)
            self._watch.rail_moved(moved, reference, instructed=False)
        return self.received[reference]

    def execute(self, *, again: bool = False) -> None:
        """Read the files and pay what was not paid. Raises RailError."""
        paths = [path for each in FILES for path in self._folder.glob(each)]
        for path in sorted(paths, key=lambda each: (len(each.name), each)):
            for name, order in orders_in(path):
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
        moved = Movement(NAME, order.account, order.currency, order.amount)
        self._watch.rail_moved(moved, name, instructed=True)

    def bring_back(self, back: int) -> None:
        """Take back one of the payments that it made, the last but `back`."""
        done = [name for name, outcome in self.outcomes.items() if outcome == "done"]
        if done:
            name = done[-1 - back % len(done)]
            self.outcomes[name] = "returned"
            self._watch.rail_returned(name)
            self._faults.took_effect("rail_returned")

    def report(self, most: int = 1_000_000) -> None:
        """Let the operator record outcomes that were not yet recorded, oldest first."""
        waiting = {
            name: outcome
            for name, outcome in self.outcomes.items()
            if self._reported.get(name) != outcome
        }
        told = list(waiting.items())[:most]
        if told and self._operator.record(told):
            self._reported.update(told)

    def report_again(self, *, opposite: bool = False) -> None:
        """Let the operator record outcomes that are recorded already, or their opposites."""
        turned = {"done": "failed", "failed": "done", "returned": "failed"} if opposite else {}
        told = [(name, turned.get(outcome, outcome)) for name, outcome in self._reported.items()]
        if told:
            self._operator.record(told)
            self._faults.took_effect("rail_contradicted" if opposite else "rail_recorded_twice")

    def all_reported(self) -> bool:
        """Whether nothing waits to be recorded."""
        return self._reported == self.outcomes
