"""A settlement run: unsettled intervals to entries, positions, statements and instructions.

It is begun, posted part by part, netted, signed and instructed, each in transactions of its own, of
which none holds up payments for long. A run that was cut off between two of them is continued by
the next call, before any other of its currency begins; one that waits for approval is not waited
for. Moving money is in `instructions`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import Connection, Row, and_, func, insert, or_, select, text, update

from gateway.ledger import states
from gateway.ledger.entry import Entry, EntryError
from gateway.settlement import destinations, intervals, plan, statements
from gateway.settlement import scope as scopes
from gateway.settlement.destinations import Destinations
from gateway.settlement.intervals import Place
from gateway.settlement.netting import outcome_entry
from gateway.settlement.plan import Planned
from gateway.settlement.rails import Rail, reference_of
from gateway.settlement.scope import EVERYTHING, Scope
from gateway.store import accounts, audit, events, journal, notices
from gateway.store import fence as restore_fence
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base

log = structlog.get_logger(__name__)

run_table = Base.metadata.tables["run"]
position = Base.metadata.tables["position"]
instruction = Base.metadata.tables["instruction"]
schedule = Base.metadata.tables["schedule"]

_DUE = (
    "SELECT EXISTS (SELECT 1 FROM channel c JOIN tariff t ON t.id = c.tariff_id"
    " WHERE c.state = 'open' AND c.amount > c.settled_amount AND t.currency = :currency {scope})"
    # A close between the two ends of one account leaves no balance, but is to be stated.
    " OR EXISTS (SELECT 1 FROM interval i JOIN channel c ON c.id = i.channel_id"
    " JOIN tariff t ON t.id = c.tariff_id"
    " WHERE i.run IS NULL AND t.currency = :currency {scope})"
)
_FIRST_OPENED = text(
    "SELECT min(c.opened_at) FROM channel c JOIN tariff t ON t.id = c.tariff_id"
    " WHERE t.currency = :currency"
)
_BETWEEN = text(
    "SELECT coalesce(sum(debits), 0), coalesce(sum(CASE WHEN debits - credits + fees > 0"
    " THEN debits - credits + fees ELSE 0 END), 0) FROM position WHERE run = :run"
)

Progress = Callable[[str, int], None]
"""Told what was done more of: `channels` posted or `statements` signed, and how many."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run has come to; amounts in atomic units of `currency`.

    `gross` is what payers used of payees, and `net` what was left of that between accounts once
    what each owes and is owed is set off; `collect` and `pay` are the sums of its instructions.
    """

    run: int
    currency: str
    scale: int
    state: str
    channels: int
    accounts: int
    gross: int
    net: int
    collect: int
    pay: int


def run_settlement(
    store: Store,
    currency: str,
    sign: Callable[[bytes], bytes],
    rail: str,
    rails: Mapping[str, Rail] | None = None,
    scope: Scope = EVERYTHING,
    by: str = "",
    progress: Progress | None = None,
    part: int = intervals.PART,
) -> RunResult | None:
    """Settle what is unsettled in a currency, of a scope; None if there is nothing.

    `sign` makes the gateway's Ed25519 signature of bytes, `rail` names the rail of accounts that
    have chosen none. `rails` say what they can move; one that is not among them moves anything.
    `by` names who asked, empty for a schedule; `part` is how many channels are posted at once. Two
    calls at once make one run. Frozen channels are left out until an operator has decided. Raises
    RestoreFenced while restored books are not reconciled, RailError for a rail that an account has
    chosen and that is not set up.
    """
    while True:
        with store.write() as conn:
            restore_fence.check(conn)
            journal.lock(conn)
            at = store.now(conn)
            row = unfinished(conn, currency)
            if row is None:
                to = destinations_of(conn, rail, rails, currency, at)
                row = _begin(conn, to, scope, by, at)
            if row is None:
                return None
            if row.state != "posting":
                break
            to = destinations_of(conn, rail, rails, currency, at)
            count = _post_part(conn, row, to, at, part)
            row = get(conn, row.number)
        if progress is not None:
            progress("channels", count)
        if row.state != "posting":
            break
    if row.approval and row.decision is None:
        with store.read() as conn:
            return result(conn, row.number)
    return finish(store, row.number, sign, rail, rails, progress)


def finish(
    store: Store,
    run: int,
    sign: Callable[[bytes], bytes],
    rail: str,
    rails: Mapping[str, Rail] | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Sign a run's statements and write its instructions, unless that is done.

    For a run that is posted and waits for nobody, or was decided on.
    """
    for count in statements.sign_all(store, run, sign):
        if progress is not None:
            progress("statements", count)
    with store.write() as conn:
        restore_fence.check(conn)
        journal.lock(conn)
        row = get(conn, run)
        if row.state in ("posted", "approved", "rejected"):
            at = store.now(conn)
            to = destinations_of(conn, rail, rails, row.currency, at)
            statements.sign_run(conn, run, sign)
            _instruct(conn, row, to, at)
        return result(conn, run)


def destinations_of(
    conn: Connection, default: str, rails: Mapping[str, Rail] | None, currency: str, at: int
) -> Destinations:
    """Where the money of a currency goes at Unix second `at`."""
    scale = accounts.scale_of(conn, currency) or 0
    return Destinations(destinations.in_force(conn, at), default, rails or {}, currency, scale)


def unfinished(conn: Connection, currency: str) -> Row[Any] | None:
    """The first run of a currency that was cut off; one that waits for approval was not."""
    c = run_table.c
    query = (
        select(run_table)
        .where(
            c.currency == currency,
            or_(
                c.state.in_(("posting", "approved", "rejected")),
                and_(c.state == "posted", ~c.approval),
            ),
        )
        .order_by(c.number)
        .limit(1)
    )
    return conn.execute(query).one_or_none()


def was_asked_for(conn: Connection, run: int, scope: Scope) -> bool:
    """Whether a run is one that a schedule asked for, of this scope."""
    row = get(conn, run)
    return not row.started_by and scopes.kept(conn, run, row.scope) == scope


def _begin(conn: Connection, to: Destinations, scope: Scope, by: str, at: int) -> Row[Any] | None:
    if not _is_due(conn, to, scope):
        return None
    last = int(conn.execute(select(func.coalesce(func.max(run_table.c.number), 0))).scalar_one())
    run = max(last, restore_fence.run_floor(conn)) + 1
    approval = conn.execute(
        select(schedule.c.approval).where(schedule.c.subject == to.currency)
    ).scalar_one_or_none()
    conn.execute(
        insert(run_table).values(
            number=run,
            currency=to.currency,
            scale=to.scale,
            state="posting",
            period_start=0,
            period_end=at,
            journal_head=journal.head(conn)[1],
            scope=scope.kind,
            started_by=by,
            approval=bool(approval),
        )
    )
    scopes.keep(conn, run, scope)
    after = {"currency": to.currency, "scope": scope.kind, "accounts": list(scope.accounts)}
    audit.record(conn, "run.begin", str(run), after=after)
    return get(conn, run)


def _is_due(conn: Connection, to: Destinations, scope: Scope) -> bool:
    if conn.execute(scope.query(_DUE), scope.given({"currency": to.currency})).scalar_one():
        return True
    moved = scopes.moved(conn, to.currency, scope)
    return any(each.entries for each in plan.of_nothing(conn, moved, to))


def _post_part(conn: Connection, row: Row[Any], to: Destinations, at: int, part: int) -> int:
    """Post the next part of a run, and net it if that was the last; how many channels it had."""
    run, currency = row.number, row.currency
    scope = scopes.kept(conn, run, row.scope)
    claimed = intervals.claim(conn, run, currency, scope, part)
    after = Place(row.cut_payer, bytes(row.cut_channel))
    count, last = intervals.cut(conn, run, currency, scope, row.parts + 1, after, at, part)
    conn.execute(
        update(run_table)
        .where(run_table.c.number == run)
        .values(parts=row.parts + 1, cut_payer=last.payer, cut_channel=last.channel)
    )
    if max(claimed, count) < part:
        _net(conn, row, scope, to, at)
    return count


def _net(conn: Connection, row: Row[Any], scope: Scope, to: Destinations, at: int) -> None:
    run = row.number
    moved = scopes.moved(conn, to.currency, scope)
    try:
        with conn.begin_nested():
            rows: list[dict[str, Any]] = []
            planned = plan.of_run(conn, run, moved, to, at)
            journal.append_all(conn, _entries(planned, run, to, rows))
    except (Conflict, EntryError):
        rows = []
        planned = _bookable(conn, run, plan.of_run(conn, run, moved, to, at))
        journal.append_all(conn, _entries(planned, run, to, rows))
    if rows:
        conn.execute(insert(position), rows)
    last_end = conn.execute(
        select(func.max(run_table.c.period_end)).where(
            run_table.c.currency == to.currency, run_table.c.number < run
        )
    ).scalar_one()
    first = {"currency": to.currency}
    start = conn.execute(_FIRST_OPENED, first).scalar_one() if last_end is None else last_end
    start = at if start is None else int(start)
    conn.execute(
        update(run_table)
        .where(run_table.c.number == run)
        # A clock that was set back must not make a period that ends before it starts.
        .values(period_start=start, period_end=max(start, at), journal_head=journal.head(conn)[1])
    )
    set_state(conn, run, "posted")


def _bookable(conn: Connection, run: int, planned: Iterator[Planned]) -> Iterator[Planned]:
    """A plan in which accounts whose entries the ledger can't take are owed as before."""
    held: dict[tuple[str, str], int] = {}
    for each in planned:
        postings = [posting for entry in each.entries for posting in entry.postings]
        if journal.fits(conn, held, postings):
            yield each
        else:
            log.error(
                "a balance would reach 2^63: the account is not settled until its rail has told "
                "what came of earlier runs",
                run=run,
                account=each.position.account,
            )
            yield Planned(replace(each.position, funds=0), 0, [])


def _entries(
    planned: Iterator[Planned], run: int, to: Destinations, rows: list[dict[str, Any]]
) -> Iterator[Entry]:
    """The entries of a plan; its positions go to `rows`."""
    for each in planned:
        account, due = each.position.account, each.position.due
        if each.instructed and to.exceeds(account, due):
            left = due - each.instructed
            log.warning(
                "more than its rail moves at once: the rest is in the next run",
                run=run,
                account=account,
                left=left,
            )
        if each.stated:
            rows.append({"run": run, **each.values()})
        yield from each.entries


def _instruct(conn: Connection, row: Row[Any], to: Destinations, at: int) -> None:
    run, currency = row.number, row.currency
    rows = conn.execute(
        select(position.c.account, position.c.instructed)
        .where(position.c.run == run, position.c.instructed != 0)
        .order_by(position.c.account)
    ).all()
    if rows:
        conn.execute(
            insert(instruction),
            [
                {
                    "id": _id(run, each.account),
                    "run": run,
                    "account_id": each.account,
                    "direction": "collect" if each.instructed > 0 else "pay",
                    "amount": abs(each.instructed),
                    "currency": currency,
                    "rail": to.of(each.account).rail,
                    "reference": reference_of(_id(run, each.account)),
                    "destination": json.dumps(dict(to.of(each.account).details), sort_keys=True),
                    "state": "pending",
                    "note": "",
                }
                for each in rows
            ],
        )
    notices.tell_run(conn, run)
    if row.state == "rejected":
        _give_up(conn, run, rows, to, f"rejected by {row.decided_by}", at)
        set_state(conn, run, "completed")
        return
    set_state(conn, run, "instructed")
    unserved = [each for each in rows if to.movable(*each) != each.instructed]
    note = "its rail can't move it to where the account is paid now"
    _give_up(conn, run, unserved, to, note, at)
    if len(unserved) == len(rows):
        set_state(conn, run, "completed")


def _id(run: int, account: str) -> str:
    return f"run-{run}-{account}"


def _give_up(
    conn: Connection, run: int, rows: Sequence[Row[str, int]], to: Destinations, note: str, at: int
) -> None:
    """Fail instructions that no rail is to have: what they were for is owed again."""
    journal.append_all(
        conn,
        (
            outcome_entry(
                _id(run, account),
                account,
                to.of(account).rail,
                to.currency,
                owed,
                "failed",
                note,
                at,
            )
            for account, owed in rows
        ),
    )
    for account, owed in rows:
        id_ = _id(run, account)
        conn.execute(
            update(instruction)
            .where(instruction.c.id == id_)
            .values(state=states.move(states.INSTRUCTION, "pending", "failed"), note=note)
        )
        note_outcome(conn, "failed", id_, account, owed, to.currency, note)


def note_outcome(
    conn: Connection,
    outcome: str,
    instruction_id: str,
    account: str,
    owed: int,
    currency: str,
    note: str,
) -> None:
    """Note what came of an instruction that was to collect `owed` atomic units, or pay them if that
    is below zero."""
    events.note(
        conn,
        f"instruction.{outcome}",
        instruction_id,
        account,
        direction="collect" if owed > 0 else "pay",
        amount=str(abs(owed)),
        currency=currency,
        note=note,
    )


def decide(conn: Connection, run: int, decision: str, by: str, at: int) -> None:
    """Note that a person has `approved` or `rejected` a run. Raises NotFound, IllegalMove."""
    set_state(conn, run, decision)
    conn.execute(
        update(run_table)
        .where(run_table.c.number == run)
        .values(decision=decision, decided_by=by, decided_at=at)
    )


def set_state(conn: Connection, run: int, state: str) -> None:
    """Move a run on. Raises NotFound, or IllegalMove from `states`."""
    row = get(conn, run)
    states.move(states.RUN, row.state, state)
    conn.execute(update(run_table).where(run_table.c.number == run).values(state=state))
    waits = state == "posted" and row.approval
    kind = "run.awaiting_approval" if waits else f"run.{state}"
    events.note(conn, kind, str(run), currency=row.currency)


def get(conn: Connection, run: int) -> Row[Any]:
    """One run. Raises NotFound."""
    row = conn.execute(select(run_table).where(run_table.c.number == run)).one_or_none()
    if row is None:
        raise NotFound(f"run {run}: unknown")
    return row


def result(conn: Connection, run: int) -> RunResult:
    """What a run came to. Raises NotFound."""
    row = get(conn, run)
    interval = Base.metadata.tables["interval"]
    channels = conn.execute(
        select(func.count(interval.c.channel_id.distinct())).where(interval.c.run == run)
    ).scalar_one()
    settled = conn.execute(
        select(func.count()).select_from(position).where(position.c.run == run)
    ).scalar_one()
    gross, net = conn.execute(_BETWEEN, {"run": run}).one()
    sums = {
        direction: int(total)
        for direction, total in conn.execute(
            select(instruction.c.direction, func.sum(instruction.c.amount))
            .where(instruction.c.run == run)
            .group_by(instruction.c.direction)
        )
    }
    return RunResult(
        run,
        row.currency,
        row.scale,
        row.state,
        int(channels),
        int(settled),
        int(gross),
        int(net),
        sums.get("collect", 0),
        sums.get("pay", 0),
    )
