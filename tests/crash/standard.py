"""The standard run: a short life of a gateway's core, in which everything that writes is done once.

Each step may be done again after it was cut off, as devices, operators and rails do it again. So a
run that was cut off anywhere, and went on, must end as one that never was.
"""

import itertools
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from gateway.ingest import upkeep
from gateway.ingest.inbox import Received
from gateway.ingest.ingest import process
from gateway.ingest.replies import Outgoing
from gateway.keys import GatewayKeys
from gateway.ledger.states import IllegalMove
from gateway.operations import channels as channel_operations
from gateway.operations import settlement
from gateway.settlement.rails.manual import ManualRail, Outcome
from gateway.settlement.rails.registry import Rails
from gateway.settlement.verify_books import verify_books
from gateway.store.engine import Store
from gateway.store.outages import patiently
from gateway.store.tables import Base
from tests.ingest.parties import NOW, PRICE, Clock, Gateway, Party, kind_of

_LEFT_OUT = {"lease", "meta", "notice"}
"""Tables that count how often something was tried."""
_RANDOM = {"audit.salt", "audit.committed", "audit.hash"}
"""What is another each time, and is checked with the books."""
_MOST_LIVES = 8
STEPS = 14
"""How many steps there are."""
_Result = TypeVar("_Result")

Failure = (DBAPIError, sqlite3.Error, OSError)
"""What ends a process that can't write."""


class Standard:
    """The run on a new database. `told` is what devices were told of their channels, in units, in
    the order in which they were told it; `say` is called with each, as it goes out."""

    def __init__(self, store: Store, say: Callable[[bytes, int], None] | None = None) -> None:
        self.clock = Clock()
        self.gateway = Gateway(store, self.clock, GatewayKeys(bytes(range(32))))
        self.parties = self.gateway.device(), self.gateway.device()
        self.terms = [party.terms(number) for number, party in enumerate(self.parties)]
        self.channels = [terms.channel_id() for terms in self.terms]
        self.told: list[tuple[bytes, int]] = []
        self.progress: Callable[[str], None] = lambda _what: None
        """Told when a process has `begun`, and when a step is `done`."""
        self._say = say
        self._ticks = itertools.count()
        store.close()

    # The run

    def steps(self) -> list[Callable[[], None]]:
        """What is done, in order; None of it minds being done again."""
        return [
            self._open,
            lambda: self._pay((0, 10), (1, 5), (0, 20)),
            self._contradict,
            self._settle,
            self._thaw,
            self._report,
            self._restart,
            lambda: self._pay((0, 40), (1, 9)),
            self._tell,
            self._close,
            self._settle,
            self._expire,
            self._tell,
            self._settle,
        ]

    def play(
        self, opened: Callable[[], Store], folder: Path, over: Callable[[Store], None], step: int
    ) -> None:
        """Play one step, in a process that is new. `folder` is the rail's.

        What can't be written ends the process: `over` is called with its store, and another process
        begins, whose store `opened` makes, and does the step again.
        """
        self._opened = opened
        self._rail = ManualRail(folder)
        for _ in range(_MOST_LIVES):
            try:
                self._begin()
                self.progress("begun")
                self.steps()[step]()
                self.progress("done")
                self.gateway.store.close()
            except Failure:
                over(self.gateway.store)
            else:
                return
        raise AssertionError(f"step {step} does not come to an end")

    def _begin(self) -> None:
        self.gateway.store = self._opened()
        self.nothing_told_is_lost()
        self._patiently(self.gateway.restart)

    def _restart(self) -> None:
        self.gateway.store.close()
        self._begin()

    def _open(self) -> None:
        self._answer(*map(Party.open, self.parties, self.terms))

    def _pay(self, *units: tuple[int, int]) -> None:
        self._answer(*(self.parties[who].iou(self.channels[who], each) for who, each in units))

    def _contradict(self) -> None:
        # For five units it has signed this amount already.
        self._answer(self.parties[1].iou(self.channels[1], 7, PRICE.amount(5)))

    def _close(self) -> None:
        last = self.parties[0].iou_bytes(self.channels[0], 44)
        self._answer(self.parties[0].close(self.channels[0], last))

    def _thaw(self) -> None:
        try:
            channel_operations.thaw(self.gateway.store, self.channels[1])
        except IllegalMove:
            # It was thawed, and the answer was lost.
            if self.gateway.mark(self.channels[1])[2] != "open":
                raise

    def _settle(self) -> None:
        settlement.settle(
            self.gateway.store, self.gateway.keys, Rails.of(self._rail), "EUR", "shell:operator"
        )

    def _report(self) -> None:
        outcomes = [Outcome("run-1-fleet", "failed", ""), Outcome("run-1-operator", "done", "")]
        settlement.record(self.gateway.store, outcomes)

    def _tell(self) -> None:
        self._hear(self._patiently(lambda: upkeep.tell(self.gateway.context)))

    def _expire(self) -> None:
        self.clock.now = NOW + 100_000
        self._patiently(lambda: upkeep.expire(self.gateway.context))

    def _patiently(self, work: Callable[[], _Result]) -> _Result:
        # As the worker does, save that its patience takes no time.
        return patiently(
            work,
            lambda _seconds: False,
            self.gateway.context.directory.forget,
            lambda: 10.0 * next(self._ticks),
        )

    def _answer(self, *batch: Received) -> None:
        self._hear(self._patiently(lambda: process(self.gateway.context, batch)))

    def _hear(self, answers: Sequence[Outgoing]) -> None:
        for answer in answers:
            kind = kind_of(answer)
            party = next(each for each in self.parties if each.id in answer.topic)
            if kind == "ack":
                ack = self.gateway.ack(party, answer)
                self._note(ack.channel, ack.units)
            elif kind == "opened":
                self._note(self.channels[self.parties.index(party)], 0)
            elif kind == "receipt":
                receipt = self.gateway.receipt(answer)
                self._note(receipt.channel, receipt.units)

    def _note(self, channel: bytes, units: int) -> None:
        self.told.append((channel, units))
        if self._say is not None:
            self._say(channel, units)

    # What must be

    def nothing_told_is_lost(self) -> None:
        """Each channel owes for at least what its device was told, for all that it was."""
        for channel, units in self.told:
            amount, stored, _ = self.gateway.mark(channel)
            if stored < units or amount != PRICE.amount(stored):
                raise AssertionError(f"told {units} units, and there are {stored}, {amount}")

    def state(self, store: Store, folder: Path) -> dict[str, list[object]]:
        """What there is: every table, and every file for the rail."""
        assert verify_books(store, self.gateway.keys.public).discrepancies == []
        found: dict[str, list[object]] = {}
        with store.read() as conn:
            for table in Base.metadata.sorted_tables:
                if table.name not in _LEFT_OUT:
                    kept = [each for each in table.c if str(each) not in _RANDOM]
                    rows = conn.execute(select(*kept)).all()
                    found[table.name] = sorted((tuple(map(_plain, row)) for row in rows), key=repr)
        found["files"] = [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]
        return found


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview | bytearray) else value
