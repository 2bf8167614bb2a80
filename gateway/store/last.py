"""What a write transaction does last: rows that are numbered in the order in which they commit.

A reader that has seen number n must never find a lower one later. So whoever numbers rows takes one
lock (a row of `meta`), and takes it last, when nothing but the commit is still to come: no
transaction waits for another lock while it holds this one, and none holds it for long.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, select, update

from gateway.store.tables import Base

meta = Base.metadata.tables["meta"]

LOCK = "outbox"
"""The key of the row of `meta` that is locked; its value is the last event's number."""

Flush = Callable[[Connection, int, list[Any]], None]
"""Writes what was kept; given the transaction's time in Unix seconds."""

_KEPT = "tally_last"
_ACTING = "tally_acting"
_RANDOM = "tally_random"
_LOCK = select(meta.c.key).where(meta.c.key == LOCK).with_for_update()


def begin(conn: Connection, by: str, random_bytes: Callable[[int], bytes]) -> None:
    """Begin to keep what is written at the end of this transaction, in which `by` acts, and whose
    rows take what is to be unknown from `random_bytes`."""
    conn.execution_options(**{_KEPT: {}, _ACTING: by, _RANDOM: random_bytes})


def act(conn: Connection, by: str) -> None:
    """From here on it is this principal who acts in this transaction."""
    conn.execution_options(**{_ACTING: by})


def acting(conn: Connection) -> str:
    """Who acts in this transaction."""
    found: str = conn.get_execution_options()[_ACTING]
    return found


def random_bytes(conn: Connection, size: int) -> bytes:
    """So many bytes that nobody can know before."""
    found: bytes = conn.get_execution_options()[_RANDOM](size)
    return found


def keep(conn: Connection, flush: Flush, row: Any) -> None:
    """Keep a row for `flush`, which gets all of a transaction's together at its end."""
    kept: dict[Flush, list[Any]] = conn.get_execution_options()[_KEPT]
    kept.setdefault(flush, []).append(row)


def touch(conn: Connection) -> None:
    """Write as much as whoever keeps a row does, and change nothing: for what must take as long."""
    conn.execute(update(meta).where(meta.c.key == LOCK).values(value=meta.c.value))


def finish(conn: Connection, now: Callable[[Connection], int]) -> None:
    """Write what was kept. Belongs immediately before the commit."""
    kept: dict[Flush, list[Any]] = conn.get_execution_options()[_KEPT]
    if not kept:
        return
    conn.execute(_LOCK).one()
    at = now(conn)
    for flush, rows in kept.items():
        flush(conn, at, rows)
