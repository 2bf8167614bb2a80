"""Queries on deposits: keeping one, once for each reference of its rail, and listing them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from gateway.store import events
from gateway.store.tables import Base
from gateway.store.tables_funds import Deposit

table = Base.metadata.tables["deposit"]


def find(conn: Connection, rail: str, reference: str) -> Row[Any] | None:
    """The deposit with this reference of this rail; None if there is none."""
    query = select(table).where(table.c.rail == rail, table.c.reference == reference)
    return conn.execute(query).one_or_none()


def add(conn: Connection, new: Deposit) -> None:
    """Keep a deposit whose entry is posted."""
    conn.execute(insert(table).values(**new.model_dump()))
    events.note(
        conn,
        "deposit.recorded",
        str(new.entry_seq),
        new.account_id,
        amount=str(new.amount),
        currency=new.currency,
        rail=new.rail,
        reference=new.reference,
    )


def page(
    conn: Connection, account_id: str, *, before: int | None = None, limit: int = 100
) -> Sequence[Row[Any]]:
    """At most `limit` deposits of an account, the newest first, with entries below `before`."""
    query = select(table).where(table.c.account_id == account_id)
    if before is not None:
        query = query.where(table.c.entry_seq < before)
    return conn.execute(query.order_by(table.c.entry_seq.desc()).limit(limit)).all()
