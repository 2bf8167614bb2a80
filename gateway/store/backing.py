"""Queries on what accounts have locked with rails: a copy of what a rail showed, no balance."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, func, insert, select

from gateway.store import tables_funds  # noqa: F401  (registers the tables)
from gateway.store.tables import Base

table = Base.metadata.tables["backing"]


def keep(conn: Connection, rail: str, height: int, amounts: Mapping[str, int]) -> list[str]:
    """Keep what a rail shows at a height, in atomic units by account, and forget what it showed
    before; returns the accounts for which that is news.

    What was seen from less high than what is kept is late, and changes nothing.
    """
    rows = conn.execute(select(table).where(table.c.rail == rail)).all()
    if any(row.height > height for row in rows):
        return []
    known = {row.account_id: int(row.amount) for row in rows}
    conn.execute(delete(table).where(table.c.rail == rail))
    values = [
        {"rail": rail, "account_id": account, "amount": amount, "height": height}
        for account, amount in sorted(amounts.items())
    ]
    if values:
        conn.execute(insert(table), values)
    names = known.keys() | amounts.keys()
    return sorted(name for name in names if known.get(name, 0) != amounts.get(name, 0))


def of(conn: Connection, account_id: str) -> int:
    """What an account has locked with all rails, in atomic units."""
    query = select(func.coalesce(func.sum(table.c.amount), 0))
    return int(conn.execute(query.where(table.c.account_id == account_id)).scalar_one())


def has_any(conn: Connection, rail: str) -> bool:
    """Whether anything is kept of a rail."""
    return conn.execute(select(table.c.rail).where(table.c.rail == rail)).first() is not None


def heights(conn: Connection, rail: str) -> dict[str, int]:
    """The height from which was last seen what each account has locked with a rail."""
    rows = conn.execute(select(table.c.account_id, table.c.height).where(table.c.rail == rail))
    return {account: int(height) for account, height in rows}
