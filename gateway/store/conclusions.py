"""Queries on what two persons said came of instructions whose rail is gone."""

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from gateway.store.errors import NotFound
from gateway.store.tables import Base
from gateway.store.tables_conclusions import Conclusion

table = Base.metadata.tables["conclusion"]


def find(conn: Connection, instruction_id: str) -> Row[Any] | None:
    """What was proposed of an instruction; None if nothing was."""
    query = select(table).where(table.c.instruction_id == instruction_id)
    return conn.execute(query).one_or_none()


def get(conn: Connection, instruction_id: str) -> Row[Any]:
    """What was proposed of an instruction. Raises NotFound."""
    row = find(conn, instruction_id)
    if row is None:
        raise NotFound(f"instruction {instruction_id}: nothing is proposed")
    return row


def propose(conn: Connection, new: Conclusion) -> None:
    """Keep a proposal in place of the one that there was of its instruction."""
    conn.execute(delete(table).where(table.c.instruction_id == new.instruction_id))
    conn.execute(insert(table).values(**new.model_dump()))


def agree(conn: Connection, instruction_id: str, by: str, at: int) -> None:
    """Note who agreed to what was proposed."""
    conn.execute(
        update(table)
        .where(table.c.instruction_id == instruction_id)
        .values(agreed_by=by, agreed_at=at)
    )
