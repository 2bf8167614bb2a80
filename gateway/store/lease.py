"""Fencing: who may write, proven inside the transaction that writes.

A lease has no time in it. Whoever takes it gets a token above all before; a writer shows its token
in each transaction, and one that was replaced (paused, partitioned, restored) is refused.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, insert, select, text, update

from gateway.store.errors import Fenced
from gateway.store.tables import Base

lease = Base.metadata.tables["lease"]

_TAKE = text(
    "INSERT INTO lease (name, token, holder) VALUES (:name, 1, :holder)"
    " ON CONFLICT (name) DO UPDATE SET token = lease.token + 1, holder = excluded.holder"
    " RETURNING token"
)


def take(conn: Connection, name: str, holder: str) -> int:
    """Take the lease `name` from whoever has it, and return the new token, above all before."""
    # One statement, since a row that may not be there yet can't be locked first.
    return int(conn.execute(_TAKE, {"name": name, "holder": holder}).scalar_one())


def tokens(conn: Connection) -> dict[str, int]:
    """The latest token of each lease, by name."""
    return {row.name: int(row.token) for row in conn.execute(select(lease))}


def outdate(conn: Connection, known: Mapping[str, int], holder: str) -> None:
    """Take every lease of these books, and each of `known`, with a token above both.

    Whoever still writes with a token of either is refused from now on.
    """
    stored = tokens(conn)
    for name in stored.keys() | known.keys():
        token = max(stored.get(name, 0), known.get(name, 0)) + 1
        if name in stored:
            conn.execute(
                update(lease).where(lease.c.name == name).values(token=token, holder=holder)
            )
        else:
            conn.execute(insert(lease).values(name=name, token=token, holder=holder))


def hold(conn: Connection) -> None:
    """Let no writer under a lease begin or commit until this transaction ends: what it reads of
    them then stays so. Call it before the first change."""
    conn.execute(select(lease.c.name).order_by(lease.c.name).with_for_update()).all()


def check(conn: Connection, name: str, token: int) -> None:
    """Raise Fenced unless `token` is the lease's latest, and keep it so until the transaction ends.

    Call it in each writing transaction, before the first change.
    """
    row = conn.execute(
        select(lease.c.token, lease.c.holder).where(lease.c.name == name).with_for_update(read=True)
    ).one_or_none()
    if row is None or row.token != token:
        holder = "nobody" if row is None else f"{row.holder} with token {row.token}"
        raise Fenced(f"lease {name}: token {token} is not the latest, it is held by {holder}")
