"""Use cases on schedules: setting when a currency or an account is settled, and doing it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from gateway.keys import GatewayKeys
from gateway.operations import times
from gateway.operations.errors import BadInput
from gateway.operations.in_turn import in_turn
from gateway.operations.principal import check_other
from gateway.settlement import cron, plan, run
from gateway.settlement import scope as scopes
from gateway.settlement.intervals import PART
from gateway.settlement.rails.registry import Rails
from gateway.settlement.run import RunResult, run_settlement
from gateway.settlement.scope import ACCOUNTS, CURRENCY, EVERYTHING, MOST_NAMED, Scope
from gateway.store import accounts, audit, journal, schedules
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables_schedule import Schedule


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """A schedule to set: `subject` is a currency or an account. `cron` is empty for no times.

    Amounts are atomic units: `least_amount` is the least that is moved either way, and once an
    account owes `most_owed` it is settled at once. With `approval` a currency's money is not moved
    before a person has approved the run.
    """

    subject: str
    cron: str = ""
    time_zone: str = "UTC"
    least_amount: int = 0
    most_owed: int | None = None
    approval: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A schedule, its currency's decimal places, and when it falls due next (Unix seconds)."""

    schedule: Row[Any]
    scale: int
    next_due: int | None


def put(store: Store, new: NewSchedule) -> Standing:
    """Set a schedule, from now on, in place of the one that its subject had. Raises BadInput, also
    for one that would end approval, which takes two persons (`end_approval`)."""
    times.check(new.cron, new.time_zone)
    if not 0 <= new.least_amount < 2**63:
        raise BadInput("least_amount", "must be 0 to 2^63-1 atomic units")
    if new.most_owed is not None and not 0 < new.most_owed < 2**63:
        raise BadInput("most_owed", "must be 1 to 2^63-1 atomic units, or none")
    with store.write() as conn:
        journal.lock(conn)
        currency, account_id = _subject(conn, new.subject)
        if new.approval and account_id is not None:
            raise BadInput("approval", "is a currency's to ask for, not an account's")
        before = _recorded(conn, new.subject)
        if before is not None and before["approval"] and not new.approval:
            raise BadInput(
                "approval", "must be set, as it was: only two persons may end it, each by asking"
            )
        schedules.put(
            conn,
            Schedule(
                subject=new.subject,
                currency=currency,
                account_id=account_id,
                cron=" ".join(new.cron.split()),
                time_zone=new.time_zone,
                least_amount=new.least_amount,
                most_owed=new.most_owed,
                approval=new.approval,
                served_until=store.now(conn),
            ),
        )
        audit.record(
            conn, "schedule.set", new.subject, before=before, after=_recorded(conn, new.subject)
        )
        return _standing(conn, schedules.get(conn, new.subject), store.now(conn))


def _recorded(conn: Connection, subject: str) -> dict[str, object] | None:
    """A subject's schedule as the audit log has it; None if it has none."""
    for row in schedules.listed(conn):
        if row.subject == subject:
            return {
                "cron": row.cron,
                "time_zone": row.time_zone,
                "least_amount": str(row.least_amount),
                "most_owed": None if row.most_owed is None else str(row.most_owed),
                "approval": row.approval,
                "approval_end_by": row.approval_end_by,
            }
    return None


def _subject(conn: Connection, subject: str) -> tuple[str, str | None]:
    """The currency of a subject, and its account if it is one. Raises BadInput."""
    if subject in accounts.currencies(conn):
        return subject, None
    try:
        return str(accounts.get(conn, subject).currency), subject
    except NotFound:
        raise BadInput("subject", "must be the currency of an account, or an account") from None


def scale(store: Store, subject: str) -> int:
    """Decimal places of the amounts of a currency or an account. Raises BadInput."""
    with store.read() as conn:
        currency, _ = _subject(conn, subject)
        return accounts.scale_of(conn, currency) or 0


def listed(store: Store) -> list[Standing]:
    """All schedules: of each currency its own first, then its accounts'."""
    with store.read() as conn:
        now = store.now(conn)
        return [_standing(conn, row, now) for row in schedules.listed(conn)]


def _standing(conn: Connection, row: Row[Any], now: int) -> Standing:
    due = None
    if row.cron:
        after = cron.counts_from(row.cron, row.time_zone, row.served_until, now)
        due = cron.next_due(row.cron, row.time_zone, max(after, now))
    return Standing(row, accounts.scale_of(conn, row.currency) or 0, due)


def end_approval(store: Store, currency: str, by: str) -> Standing:
    """Ask that a currency's runs wait for approval no more: so it is once two persons have asked.

    Runs that wait already go on waiting. Setting the schedule anew takes the asking back. Raises
    NotFound, SamePerson, Conflict if there is no approval to end.
    """
    with store.write() as conn:
        journal.lock(conn)
        row = schedules.get(conn, currency)
        before = _recorded(conn, currency)
        if not row.approval:
            raise Conflict(f"schedule {currency}: nobody has to approve its runs")
        if row.approval_end_by is None:
            schedules.end_approval(conn, currency, approval=True, asked_by=by)
        else:
            check_other(row.approval_end_by, by, f"the end of approval in {currency}")
            schedules.end_approval(conn, currency, approval=False, asked_by=None)
        after = _recorded(conn, currency)
        audit.record(conn, "schedule.end_approval", currency, before=before, after=after)
        return _standing(conn, schedules.get(conn, currency), store.now(conn))


def remove(store: Store, subject: str) -> None:
    """End a schedule; the account is settled with its currency again. Raises NotFound, Conflict
    while runs wait for approval by it."""
    with store.write() as conn:
        journal.lock(conn)
        if schedules.get(conn, subject).approval:
            raise Conflict(f"schedule {subject}: asks for approval, which must be ended first")
        before = _recorded(conn, subject)
        schedules.remove(conn, subject)
        audit.record(conn, "schedule.remove", subject, before=before)


def settle_due(store: Store, keys: GatewayKeys, rails: Rails, part: int = PART) -> list[RunResult]:
    """Settle what has fallen due by its schedule, or owes too much; the runs that were made.

    What fell due several times while nobody looked is settled once; a run posts `part` channels at
    once. A currency that can't be settled keeps no other waiting: raises what was raised first,
    such as by a rail, once all were looked at. Raises RestoreFenced while restored books are not
    reconciled.
    """
    with store.read() as conn:
        rows = schedules.listed(conn)
    results: list[RunResult] = []

    def settle(currency: str) -> None:
        of = [row for row in rows if row.currency == currency]
        results.extend(_settle_due(store, keys, rails, currency, of, part))

    currencies = sorted({row.currency for row in rows})
    in_turn({f"settling {each}": partial(settle, each) for each in currencies})
    return results


def _settle_due(
    store: Store,
    keys: GatewayKeys,
    rails: Rails,
    currency: str,
    rows: Sequence[Row[Any]],
    part: int,
) -> list[RunResult]:
    def settled(scope: Scope = EVERYTHING) -> RunResult | None:
        return run_settlement(store, currency, keys.sign, rails.default, rails, scope, part=part)

    results = []
    with store.read() as conn:
        now = store.now(conn)
        cut_off = run.unfinished(conn, currency)
    if cut_off is not None:
        found = settled()
        results += [] if found is None else [found]
    due = _due(store, rows, now)
    with store.read() as conn:
        over = _owing_too_much(conn, currency, rows, rails, now)
    named = sorted({row.account_id for row, _ in due if row.account_id is not None} | over)
    whole = any(row.account_id is None for row, _ in due)
    if not whole and not named:
        return results
    scope = Scope(CURRENCY if whole else ACCOUNTS, tuple(named[:MOST_NAMED]))
    found = settled(scope)
    results += [] if found is None else [found]
    seen = [(row, at) for row, at in due if row.account_id in (None, *scope.accounts)]
    with store.write() as conn:
        # Else somebody else's run was taken up meanwhile, and this one is still to come.
        if found is None or run.was_asked_for(conn, found.run, scope):
            schedules.served(conn, seen)
    return results


def _due(store: Store, rows: Sequence[Row[Any]], now: int) -> list[tuple[Row[Any], int]]:
    """The schedules of which a time has come, each with the last that has."""
    found, put_back = [], []
    for row in rows:
        if not row.cron:
            continue
        after = cron.counts_from(row.cron, row.time_zone, row.served_until, now)
        if after != row.served_until:
            put_back.append((row, after))
        due = cron.last_due(row.cron, row.time_zone, after, now)
        if due is not None:
            found.append((row, due))
    if put_back:
        with store.write() as conn:
            schedules.served(conn, put_back)
    return found


def _owing_too_much(
    conn: Connection, currency: str, rows: Sequence[Row[Any]], rails: Rails, now: int
) -> set[str]:
    """The accounts that owe as much as is to be settled at once, and of which anything can be."""
    limits = {row.account_id: row.most_owed for row in rows}
    if not any(limits.values()):
        return set()
    over = [
        account
        for account, owed in schedules.owing(conn, currency).items()
        if (limit := limits.get(account) or limits.get(None)) is not None and owed >= limit
    ]
    if not over:
        return set()
    scope = Scope(ACCOUNTS, tuple(sorted(over)[:MOST_NAMED]))
    to = run.destinations_of(conn, rails.default, rails, currency, now)
    return {
        each.position.account
        for each in plan.ahead(conn, scope, scopes.moved(conn, currency, scope), to)
        if each.position.account in scope.accounts and (each.instructed > 0 or each.position.funds)
    }
