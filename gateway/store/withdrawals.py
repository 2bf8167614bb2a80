"""Queries on withdrawals: keeping, deciding and listing them, and posting what a rail did."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from gateway.ledger import states
from gateway.ledger.entry import Entry
from gateway.store import events, fence, journal, pending
from gateway.store.errors import NotFound
from gateway.store.tables import Base
from gateway.store.tables_funds import Withdrawal

table = Base.metadata.tables["withdrawal"]
instruction = Base.metadata.tables["instruction"]

_WITH_PAYOUT = select(
    table, instruction.c.rail, instruction.c.state.label("payout"), instruction.c.note
).outerjoin(instruction, instruction.c.withdrawal == table.c.number)


def next_number(conn: Connection) -> int:
    """The number of the next withdrawal, never one of a database that was lost. Needs the
    journal's lock."""
    last = int(conn.execute(select(func.coalesce(func.max(table.c.number), 0))).scalar_one())
    return max(last, fence.run_floor(conn)) + 1


def add(conn: Connection, new: Withdrawal) -> None:
    """Keep a request whose amount is held."""
    conn.execute(insert(table).values(**new.model_dump()))
    _note(conn, "requested", new, new.requested_by)


def _note(conn: Connection, state: str, row: Withdrawal | Row[Any], by: str) -> None:
    events.note(
        conn,
        f"withdrawal.{state}",
        str(row.number),
        row.account_id,
        amount=str(row.amount),
        currency=row.currency,
        by=by,
    )


def get(conn: Connection, account_id: str, number: int) -> Row[Any]:
    """One of an account's with `payout`, `rail` and `note`: its instruction's, if it has one.

    Raises NotFound.
    """
    query = _WITH_PAYOUT.where(table.c.number == number, table.c.account_id == account_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"withdrawal {number}: account {account_id} has none of this number")
    return row


def page(
    conn: Connection, account_id: str, *, before: int | None = None, limit: int = 100
) -> Sequence[Row[Any]]:
    """At most `limit` of an account's, the newest first, with numbers below `before`."""
    query = _WITH_PAYOUT.where(table.c.account_id == account_id)
    if before is not None:
        query = query.where(table.c.number < before)
    return conn.execute(query.order_by(table.c.number.desc()).limit(limit)).all()


def decide(conn: Connection, row: Row[Any], state: str, by: str, at: int) -> None:
    """Move a request on. Raises IllegalMove."""
    states.move(states.WITHDRAWAL, row.state, state)
    conn.execute(
        update(table)
        .where(table.c.number == row.number)
        .values(state=state, decided_by=by, decided_at=at)
    )
    _note(conn, state, row, by)


def conclude(conn: Connection, number: int, outcome: str, returned: Entry, at: int) -> None:
    """Post what a rail did with a withdrawal's instruction: `done` posts what was held, `failed`
    frees it, and `returned` posts the entry `returned`, by which the money is back."""
    held = conn.execute(select(table.c.pending_id).where(table.c.number == number)).scalar_one()
    if outcome == "done":
        pending.post(conn, held, at)
    elif outcome == "failed":
        pending.void(conn, held, at)
    else:
        journal.append(conn, returned)
