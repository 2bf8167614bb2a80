"""What must hold of schedules and approvals: no money of a run moves before another person lets it,
nobody ends that alone, and less than the least is carried."""

import sqlite3
from collections import defaultdict
from dataclasses import dataclass

from simulator.world.oracle.violation import Violation


@dataclass(frozen=True)
class _Schedule:
    currency: str
    account: str | None
    approval: bool
    least: int


@dataclass(frozen=True)
class _Run:
    currency: str
    state: str
    started_by: str
    approval: bool
    decision: str | None
    decided_by: str | None


class Times:
    """What people asked of approvals, and the checks of what the gateway made of it."""

    def __init__(self) -> None:
        self._asked: defaultdict[str, set[str]] = defaultdict(set)
        self._schedules: dict[str, _Schedule] = {}
        self._runs: dict[int, _Run] = {}

    def declared(self, what: str, subject: str) -> None:
        """Somebody asks that approval end, or has set a schedule with it anew."""
        currency, _, by = subject.partition(" ")
        if what == "approval_end":
            self._asked[currency].add(by)
        elif what == "approval_set":
            self._asked.pop(currency, None)

    def check(self, conn: sqlite3.Connection) -> None:
        """Everything that must hold at every moment. Raises Violation."""
        schedules = _schedules(conn)
        runs = _runs(conn)
        self._ended_by_two(schedules)
        self._begun_as_asked(schedules, runs)
        self._moved_by_two(conn, runs)
        self._no_less_than_the_least(conn, schedules, runs)
        self._schedules, self._runs = schedules, runs

    def _ended_by_two(self, now: dict[str, _Schedule]) -> None:
        """17: approval ends once two persons have asked that it does."""
        for subject, before in self._schedules.items():
            after = now.get(subject)
            if before.approval and not (after is not None and after.approval):
                asked = sorted(self._asked[subject])
                if len(asked) < 2:
                    raise Violation(17, f"approval in {subject} was ended by {asked}")
                self._asked.pop(subject)

    def _begun_as_asked(self, schedules: dict[str, _Schedule], runs: dict[int, _Run]) -> None:
        """17: a run waits for approval if its currency's schedule asks for that."""
        for number, run in runs.items():
            known = (self._schedules.get(run.currency), schedules.get(run.currency))
            asked = all(each is not None and each.approval for each in known)
            if number not in self._runs and asked and not run.approval:
                raise Violation(17, f"run {number} waits for nobody")

    def _moved_by_two(self, conn: sqlite3.Connection, runs: dict[int, _Run]) -> None:
        """17: nothing of a run that asks for approval is moved before another person approved."""
        moving = "SELECT DISTINCT run FROM instruction WHERE run IS NOT NULL AND state <> 'failed'"
        for (number,) in conn.execute(moving):
            run = runs[number]
            if run.approval and run.decision != "approved":
                raise Violation(17, f"run {number} moves money, its decision is {run.decision}")
            if run.approval and run.decided_by in (None, "", run.started_by):
                raise Violation(17, f"run {number} is {run.started_by}'s alone")
        for number, before in self._runs.items():
            after = runs.get(number)
            if before.decision is not None and (after is None or after.decision != before.decision):
                raise Violation(12, f"run {number} was {before.decision}, is {after}")

    def _no_less_than_the_least(
        self, conn: sqlite3.Connection, schedules: dict[str, _Schedule], runs: dict[int, _Run]
    ) -> None:
        """16: what comes to less than the least amount is carried."""
        for number, run in runs.items():
            before = self._runs.get(number)
            if run.state == "posting" or (before is not None and before.state != "posting"):
                continue
            for account, instructed in conn.execute(
                "SELECT account, instructed FROM position WHERE run = ? AND instructed <> 0",
                (number,),
            ):
                least = min(
                    _least(each, account, run.currency) for each in (self._schedules, schedules)
                )
                if abs(instructed) < least:
                    raise Violation(
                        16, f"run {number} moves {instructed} of {account}, the least is {least}"
                    )


def _least(schedules: dict[str, _Schedule], account: str, currency: str) -> int:
    found = schedules.get(account) or schedules.get(currency)
    return 0 if found is None else found.least


def _schedules(conn: sqlite3.Connection) -> dict[str, _Schedule]:
    query = "SELECT subject, currency, account_id, approval, least_amount FROM schedule"
    return {
        subject: _Schedule(currency, account, bool(approval), least)
        for subject, currency, account, approval, least in conn.execute(query)
    }


def _runs(conn: sqlite3.Connection) -> dict[int, _Run]:
    query = "SELECT number, currency, state, started_by, approval, decision, decided_by FROM run"
    return {
        number: _Run(currency, state, started_by, bool(approval), decision, decided_by)
        for number, currency, state, started_by, approval, decision, decided_by in conn.execute(
            query
        )
    }
