"""Queries on corrections: proposing one, deciding it, listing them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from gateway.ledger import states
from gateway.store import events
from gateway.store.errors import NotFound
from gateway.store.tables import Base
from gateway.store.tables_funds import Reversal

table = Base.metadata.tables["reversal"]


def add(conn: Connection, entry_seq: int, reason: str, by: str, at: int) -> int:
    """Keep a proposal and return its number. Needs the journal's lock."""
    number = int(conn.execute(select(func.coalesce(func.max(table.c.number), 0))).scalar_one()) + 1
    new = Reversal(
        number=number, entry_seq=entry_seq, reason=reason, proposed_by=by, proposed_at=at
    )
    conn.execute(insert(table).values(**new.model_dump()))
    events.note(conn, "reversal.proposed", str(number), entry=entry_seq, reason=reason, by=by)
    return number


def get(conn: Connection, number: int) -> Row[Any]:
    """One proposal, decided or not. Raises NotFound."""
    row = conn.execute(select(table).where(table.c.number == number)).one_or_none()
    if row is None:
        raise NotFound(f"reversal {number}: unknown")
    return row


def of_entry(conn: Connection, entry_seq: int) -> Row[Any] | None:
    """The proposal for an entry that was not rejected; None if there is none."""
    query = select(table).where(table.c.entry_seq == entry_seq, table.c.state != "rejected")
    return conn.execute(query).one_or_none()


def decide(
    conn: Connection, number: int, state: str, by: str, at: int, reversing_seq: int | None = None
) -> None:
    """Move a proposal to `posted` or `rejected`. Raises NotFound, IllegalMove."""
    states.move(states.REVERSAL, get(conn, number).state, state)
    conn.execute(
        update(table)
        .where(table.c.number == number)
        .values(state=state, decided_by=by, decided_at=at, reversing_seq=reversing_seq)
    )
    events.note(conn, f"reversal.{state}", str(number), by=by)


def page(conn: Connection, *, before: int | None = None, limit: int = 100) -> Sequence[Row[Any]]:
    """At most `limit` proposals, the newest first, with numbers below `before`."""
    query = select(table).order_by(table.c.number.desc()).limit(limit)
    return conn.execute(query if before is None else query.where(table.c.number < before)).all()
