"""Queries on requests that must have one effect however often they are repeated.

What a request does, and what its answer says, is the caller's.
"""

from sqlalchemy import Connection, delete, insert, select, update

from gateway.store import journal
from gateway.store.errors import Conflict
from gateway.store.tables import Base
from gateway.store.tables_idempotency import Idempotency as _Idempotency  # noqa: F401  (its table)

table = Base.metadata.tables["idempotency"]

ABANDONED_AFTER = 120
"""Seconds after which a request without an answer counts as cut off, and may be done again."""

KEPT_S = 30 * 86_400
"""Seconds for which a request's answer is kept; after them its key means a new request."""


class OtherRequest(Conflict):
    """This key was used for another request."""


class InProgress(Conflict):
    """The first request with this key has no answer yet."""


def begin(conn: Connection, owner: str, key: str, request_hash: bytes, now: int) -> str | None:
    """Begin a request (its hash 32 bytes), or return the answer it has had already.

    Raises OtherRequest or InProgress. `now` is in Unix seconds.
    """
    journal.lock(conn)  # or two first requests could begin at once
    conn.execute(delete(table).where(table.c.begun_at < now - KEPT_S))
    match = (table.c.owner == owner) & (table.c.key == key)
    row = conn.execute(select(table).where(match)).one_or_none()
    if row is None:
        conn.execute(
            insert(table).values(owner=owner, key=key, request_hash=request_hash, begun_at=now)
        )
        return None
    if bytes(row.request_hash) != request_hash:
        raise OtherRequest("Idempotency-Key: used before for another request, send a new one")
    if row.answer is None:
        if now - row.begun_at < ABANDONED_AFTER:
            raise InProgress("Idempotency-Key: the first request with it is not finished yet")
        conn.execute(update(table).where(match).values(begun_at=now))
        return None
    return str(row.answer)


def finish(conn: Connection, owner: str, key: str, answer: str) -> None:
    """Keep the answer of a request that was begun."""
    match = (table.c.owner == owner) & (table.c.key == key)
    conn.execute(update(table).where(match).values(answer=answer))


def forget(conn: Connection, owner: str, key: str) -> None:
    """Let a request that failed be tried again under the same key."""
    match = (table.c.owner == owner) & (table.c.key == key) & table.c.answer.is_(None)
    conn.execute(delete(table).where(match))
