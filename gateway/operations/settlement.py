"""Use cases on settlement: running it, looking at runs, and recording what a rail reported."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select

from gateway.keys import GatewayKeys
from gateway.operations import backing, events
from gateway.operations.errors import BadInput
from gateway.operations.in_turn import in_turn
from gateway.operations.paging import Page, one_page
from gateway.operations.principal import check_other
from gateway.operations.text import check_note
from gateway.settlement import instructions, plan, run
from gateway.settlement.intervals import PART
from gateway.settlement.plan import Planned
from gateway.settlement.rails import Outcome, Rail, RailError
from gateway.settlement.rails.registry import Rails
from gateway.settlement.run import Progress, RunResult
from gateway.settlement.scope import ACCOUNTS, EVERYTHING, Scope, moved
from gateway.store import accounts, audit, journal, notices
from gateway.store.engine import Store
from gateway.store.errors import Conflict
from gateway.store.tables import Base

run_table = Base.metadata.tables["run"]
position = Base.metadata.tables["position"]


def settle(
    store: Store,
    keys: GatewayKeys,
    rails: Rails,
    currency: str | None,
    by: str,
    account: str | None = None,
    progress: Progress | None = None,
    part: int = PART,
) -> list[RunResult]:
    """Settle one currency, or all, or one account; returns the runs, of which there are none if
    nothing was due. `by` names who asks; a run posts `part` channels at once.

    Instructions go to their rails, also those that an earlier call could not hand over, and rails
    that can tell are asked what came of earlier ones. Raises NotFound, BadInput for a currency that
    no account has, and what a rail raises, once the others have been served.
    """
    results = []

    def settle_one(each: str, scope: Scope) -> None:
        result = run.run_settlement(
            store, each, keys.sign, rails.default, rails, scope, by, progress, part
        )
        if result is not None:
            results.append(result)

    asked = _asked_for(store, currency, account)
    steps = {f"settling {each}": partial(settle_one, each, scope) for each, scope in asked}
    in_turn({**steps, "handing over": partial(hand_over, store, rails)})
    return results


def _asked_for(store: Store, currency: str | None, account: str | None) -> list[tuple[str, Scope]]:
    with store.read() as conn:
        if account is not None:
            of = str(accounts.get(conn, account).currency)
            if currency not in (None, of):
                raise BadInput("currency", f"account {account} is in {of}")
            return [(of, Scope(ACCOUNTS, (account,)))]
        known = accounts.currencies(conn)
    if currency is not None and currency not in known:
        raise BadInput("currency", f"no account has it; there are {', '.join(known) or 'none'}")
    return [(each, EVERYTHING) for each in (known if currency is None else [currency])]


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a run of a currency would make of each account if it began now."""

    currency: str
    scale: int
    planned: list[Planned]


def ahead(
    store: Store, rails: Rails, currency: str | None, account: str | None = None
) -> list[Ahead]:
    """What `settle` would come to now, which changes nothing: a dry run. Raises as `settle` does.

    What an earlier run left unfinished is not looked at.
    """
    found = []
    for each, scope in _asked_for(store, currency, account):
        with store.read() as conn:
            to = run.destinations_of(conn, rails.default, rails, each, store.now(conn))
            planned = plan.ahead(conn, scope, moved(conn, each, scope), to)
            found.append(Ahead(each, to.scale, planned))
    return found


def approve(store: Store, keys: GatewayKeys, rails: Rails, number: int, by: str) -> None:
    """Let the money of a run move that another person, or a schedule, asked for.

    A run that is approved stays so. Raises NotFound, SamePerson, Conflict if it waits for nobody or
    was rejected, IllegalMove while it is not posted, and what a rail raises once it is approved.
    """
    _decide(store, number, "approved", by)
    run.finish(store, number, keys.sign, rails.default, rails)
    hand_over(store, rails)


def reject(store: Store, keys: GatewayKeys, rails: Rails, number: int, by: str) -> None:
    """Let no money of a run move: what it would have moved is owed as before, and is carried into
    the next. Whoever asked for it may. Raises NotFound, Conflict, IllegalMove."""
    _decide(store, number, "rejected", by)
    run.finish(store, number, keys.sign, rails.default, rails)


def _decide(store: Store, number: int, decision: str, by: str) -> None:
    with store.write() as conn:
        journal.lock(conn)
        row = run.get(conn, number)
        if not row.approval:
            raise Conflict(f"run {number}: nobody has to approve it")
        if row.decision == decision:
            return
        if row.decision is not None:
            raise Conflict(f"run {number}: {row.decided_by} has decided otherwise")
        if decision == "approved":
            check_other(row.started_by, by, f"run {number}")
        run.decide(conn, number, decision, by, store.now(conn))
        action = "run.approve" if decision == "approved" else "run.reject"
        audit.record(conn, action, str(number), before={"decision": None}, after={"by": by})


def hand_over(store: Store, rails: Mapping[str, Rail]) -> None:
    """Give every rail what waits for it, and ask it what came of what it has.

    One that fails keeps no other from being served. Raises the first failure afterwards.
    """
    with store.read() as conn:
        waiting = instructions.rails_of(conn, "pending")
        told = instructions.rails_of(conn, "submitted")

    def serve(name: str) -> None:
        try:
            instructions.submit_pending(store, rails[name])
            backing.look(store, rails[name])
            instructions.ask(store, rails[name])
        except (RailError, OSError):
            events.note_rail(store, name, failing=True)
            raise
        events.note_rail(store, name, failing=False)

    names = sorted({*waiting, *told})
    in_turn({f"handing over to {each}": partial(serve, each) for each in names})


@dataclass(frozen=True, slots=True)
class FileOfRun:
    """A file of a run that people must carry on, and what they are to compare when they do;
    `sha256` in hex."""

    rail: str
    path: Path
    says: str
    sha256: str


def files_of(store: Store, rails: Mapping[str, Rail], number: int) -> list[FileOfRun]:
    """The files that a run's rails made for people. Raises NotFound, RailError, OSError."""
    with store.read() as conn:
        run.get(conn, number)
        rows = instructions.of_run(conn, number)
    return [
        FileOfRun(name, each.path, each.says, hashlib.sha256(each.path.read_bytes()).hexdigest())
        for name in sorted({row.rail for row in rows})
        for each in rails[name].files(f"run-{number}")
    ]


def page(store: Store, *, before: int | None = None, limit: int = 100) -> Page[Row[Any]]:
    """Runs, the newest first; only those with numbers below `before`."""
    query = select(run_table).order_by(run_table.c.number.desc())
    if before is not None:
        query = query.where(run_table.c.number < before)
    with store.read() as conn:
        return one_page(lambda count: conn.execute(query.limit(count)).all(), limit)


def show(store: Store, number: int) -> tuple[RunResult, Row[Any], Sequence[Row[Any]]]:
    """A run: what it came to, its row, and its positions by account. Raises NotFound."""
    with store.read() as conn:
        result = run.result(conn, number)
        rows = conn.execute(
            select(position).where(position.c.run == number).order_by(position.c.account)
        ).all()
        return result, run.get(conn, number), rows


def instructions_of(store: Store, number: int) -> Sequence[Row[Any]]:
    """The instructions of a run, by account. Raises NotFound."""
    with store.read() as conn:
        run.get(conn, number)
        return instructions.of_run(conn, number)


def record(store: Store, outcomes: Sequence[Outcome], number: int | None = None) -> int:
    """Post outcomes, all or none; returns how many were news.

    `number` names the run that all must belong to. Raises NotFound, BadInput, Conflict,
    IllegalMove.
    """
    for index, each in enumerate(outcomes):
        check_note(f"outcomes.{index}.note", each.note)
    with store.write() as conn:
        at = store.now(conn)
        if number is not None:
            run.get(conn, number)
            owned = {row.id for row in instructions.of_run(conn, number)}
            for index, each in enumerate(outcomes):
                if each.instruction_id not in owned:
                    field = f"outcomes.{index}.instruction"
                    raise BadInput(field, f"run {number} has no instruction of this id")
        news = [
            instructions.record_outcome(conn, each.instruction_id, each.outcome, each.note, at)
            for each in outcomes
        ]
        for each, is_news in zip(outcomes, news, strict=True):
            if is_news:
                after = {"outcome": each.outcome}
                audit.record(
                    conn, "instruction.outcome", each.instruction_id, after=after, why=each.note
                )
        notices.decided(conn)
        return sum(news)
