"""Queries on accounts whose erasure was asked for. What an erasure does is in `erasure`."""

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from gateway.store import events
from gateway.store.errors import NotFound
from gateway.store.tables import Base
from gateway.store.tables_erasure import Erasure

table = Base.metadata.tables["erasure"]


def find(conn: Connection, account_id: str) -> Row[Any] | None:
    """What was asked for an account, and became of it; None if nothing was."""
    return conn.execute(select(table).where(table.c.account_id == account_id)).one_or_none()


def get(conn: Connection, account_id: str) -> Row[Any]:
    """The same. Raises NotFound."""
    row = find(conn, account_id)
    if row is None:
        raise NotFound(f"account {account_id}: nobody has asked to erase it")
    return row


def request(conn: Connection, new: Erasure) -> None:
    """Keep that somebody asks for it."""
    conn.execute(insert(table).values(**new.model_dump()))
    events.note(conn, "account.erasure_requested", new.account_id, new.account_id)


def approve(conn: Connection, account_id: str, by: str, at: int) -> None:
    """Note who approved it."""
    conn.execute(
        update(table).where(table.c.account_id == account_id).values(approved_by=by, approved_at=at)
    )
    events.note(conn, "account.erased", account_id, account_id)


def reject(conn: Connection, account_id: str) -> None:
    """Forget that it was asked for."""
    conn.execute(delete(table).where(table.c.account_id == account_id))
    events.note(conn, "account.erasure_rejected", account_id, account_id)
