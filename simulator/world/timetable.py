"""People who say when accounts are settled, and who let the money of runs move or not; and the
gateway's own looking whether anything is due.

Each method is one command or one look, in a process of its own, which may be killed.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from gateway.operations import schedules, settlement
from gateway.operations.errors import BadInput
from gateway.operations.principal import SamePerson
from gateway.operations.schedules import NewSchedule
from gateway.store.engine import Store
from gateway.store.errors import Conflict
from simulator.world.broken import Broken
from simulator.world.operator import Operator
from simulator.world.treasury import ANN, BEN, Treasury
from simulator.world.watch import Watch

_OWING = """
    SELECT a.id FROM account a
    JOIN schedule s ON s.subject = coalesce((SELECT o.subject FROM schedule o
        WHERE o.account_id = a.id AND o.most_owed IS NOT NULL), a.currency)
    LEFT JOIN schedule l ON l.subject = coalesce((SELECT o.subject FROM schedule o
        WHERE o.account_id = a.id), a.currency)
    WHERE max(s.most_owed, coalesce(l.least_amount, 0)) <=
        (SELECT coalesce(sum(c.amount - c.settled_amount), 0) FROM channel c
            WHERE c.payer_account = a.id AND c.state = 'open')
        + coalesce((SELECT b.amount FROM balance b WHERE b.account = 'payer:' || a.id), 0)
    AND NOT EXISTS (SELECT 1 FROM payout_account p WHERE p.account_id = a.id)
    AND NOT EXISTS (SELECT 1 FROM channel c WHERE c.payee_account = a.id)
    AND NOT EXISTS (SELECT 1 FROM balance b
        WHERE b.account IN ('payee:' || a.id, 'fees:' || a.id) AND b.amount <> 0)
"""
"""Accounts that only pay, over a rail that moves anything, and owe more than they may."""


class Timetable:
    """Whoever decides when money moves."""

    def __init__(
        self,
        operator: Operator,
        treasury: Treasury,
        watch: Watch,
        read: Callable[[], sqlite3.Connection],
        part: int,
    ) -> None:
        self._operator = operator
        self._treasury = treasury
        self._watch = watch
        self._read = read
        self._part = part
        self._decided: tuple[int, str] | None = None

    # Schedules

    def set(self, new: NewSchedule) -> None:
        """Set the schedule of a currency or an account."""

        def step(store: Store) -> None:
            schedules.put(store, new)

        before = self._treasury.rows("schedule", "subject").get(new.subject)
        if before is not None and before.approval and not new.approval:
            self._treasury.must_be_refused("approval_ended_alone", "set_schedule", step, BadInput)
        elif self._treasury.decide("set_schedule", step) and new.approval:
            self._watch.declared("approval_set", new.subject)

    def end_approval(self, currency: str, *, alone: bool) -> None:
        """Ask that runs of a currency wait for nobody any more: as ANN, and then, unless she is
        `alone`, as BEN."""
        row = self._treasury.rows("schedule", "subject").get(currency)
        if row is None or not row.approval:
            return
        first = row.approval_end_by
        if first is None:
            self._ask_end(currency, ANN)
        elif alone:
            self._treasury.must_be_refused(
                "approval_ended_alone",
                "end_approval",
                lambda store: schedules.end_approval(store, currency, first),
                SamePerson,
            )
        elif self._ask_end(currency, BEN if first == ANN else ANN):
            self._watch.faults.took_effect("approval_ended")

    def _ask_end(self, currency: str, by: str) -> bool:
        # Before, since what follows is only lawful because it was asked.
        self._watch.declared("approval_end", f"{currency} {by}")
        return self._treasury.decide(
            "end_approval", lambda store: schedules.end_approval(store, currency, by)
        )

    # Runs

    def serve(self, *, again: bool = False) -> None:
        """Settle what is due, as the gateway does by itself; and look again at once. Raises Broken
        if that finds anything, or if somebody who owes too much was passed over."""
        before = self._runs()
        if not self._treasury.decide("settle_due", self._settle_due):
            return
        made = [row for number, row in self._runs().items() if number not in before]
        for row in made:
            by_debt = row.scope == "accounts" and not self._timed()
            kind = "settled_by_debt" if by_debt else "settled_by_schedule"
            self._watch.faults.took_effect(kind)
        if owing := self._owing():
            raise Broken(20, f"{', '.join(owing)}: owes too much, and was not settled")
        if again and self._treasury.decide("settle_due", self._settle_due):
            more = set(self._runs()) - set(before) - {row.number for row in made}
            if more:
                raise Broken(9, f"runs {sorted(more)}: what was served was due again")

    def _settle_due(self, store: Store) -> None:
        rails = self._operator.rails
        schedules.settle_due(store, self._operator.keys, rails, self._part)
        settlement.hand_over(store, rails)

    def approve(self, *, alone: bool) -> bool:
        """Let the money of the oldest run that waits move, as BEN or (`alone`) as who began it."""
        row = self._waiting()
        if row is None:
            return False

        def step(store: Store, by: str) -> None:
            rails = self._operator.rails
            settlement.approve(store, self._operator.keys, rails, row.number, by)

        if alone and row.started_by:
            self._treasury.must_be_refused(
                "approved_alone",
                "approve_run",
                lambda store: step(store, row.started_by),
                SamePerson,
            )
            return False
        done = self._treasury.approve("approve_run", step, alone=False)
        return self._decide(row.number, "approved", done)

    def reject(self) -> bool:
        """Let no money of the oldest run that waits move."""
        row = self._waiting()
        if row is None:
            return False
        done = self._treasury.decide("reject_run", lambda store: self._reject(store, row.number))
        return self._decide(row.number, "rejected", done)

    def decide_late(self) -> None:
        """Decide the run that was decided last, the other way."""
        if self._decided is None:
            return
        number, decision = self._decided

        def approve(store: Store) -> None:
            settlement.approve(store, self._operator.keys, self._operator.rails, number, BEN)

        other = approve if decision == "rejected" else lambda store: self._reject(store, number)
        self._treasury.must_be_refused("decided_late", "decide_late", other, Conflict)

    def _reject(self, store: Store, number: int) -> None:
        settlement.reject(store, self._operator.keys, self._operator.rails, number, ANN)

    def _decide(self, number: int, decision: str, done: bool) -> bool:
        if done:
            self._watch.faults.took_effect(f"run_{decision}")
            self._decided = number, decision
        return done

    # After the trouble

    def put_right(self) -> None:
        """End approval and every schedule, and approve what waits."""
        for subject, row in self._treasury.rows("schedule", "subject").items():
            if row.approval:
                self.end_approval(subject, alone=False)
                self.end_approval(subject, alone=False)
            self._treasury.decide(
                "remove_schedule",
                lambda store: schedules.remove(store, subject),  # noqa: B023
            )
        while self.approve(alone=False):
            pass

    # Inside

    def _runs(self) -> dict[int, Any]:
        return self._treasury.rows("run", "number")

    def _waiting(self) -> Any:
        return next(
            (
                row
                for row in self._runs().values()
                if row.approval and row.state == "posted" and row.decision is None
            ),
            None,
        )

    def _timed(self) -> bool:
        rows = self._treasury.rows("schedule", "subject").values()
        return any(row.account_id is not None and row.cron for row in rows)

    def _owing(self) -> list[str]:
        conn = self._read()
        try:
            return [str(name) for (name,) in conn.execute(_OWING)]
        finally:
            conn.close()
