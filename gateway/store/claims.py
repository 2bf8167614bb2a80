"""Queries on one-time codes. Codes never come here, only their hashes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base
from gateway.store.tables_claims import Claim

claim = Base.metadata.tables["claim"]


def add(conn: Connection, new: Claim) -> None:
    """Store a new code."""
    conn.execute(insert(claim).values(**new.model_dump()))


def valid(conn: Connection, code_hash: bytes, now: int) -> Row[Any] | None:
    """The code with this 32-byte hash, if it may be used at `now` (Unix seconds); nobody else can
    use it before the transaction ends.

    Looking up a hash tells by its timing nothing about the code.
    """
    query = select(claim).where(
        claim.c.code_hash == code_hash,
        claim.c.used_at.is_(None),
        claim.c.revoked_at.is_(None),
        claim.c.expires_at > now,
    )
    return conn.execute(query.with_for_update()).one_or_none()


def use(conn: Connection, id_: str, device_id: str, at: int) -> None:
    """This device has used the code that `valid` found in the same transaction."""
    conn.execute(update(claim).where(claim.c.id == id_).values(used_at=at, device_id=device_id))


def listed(conn: Connection) -> Sequence[Row[Any]]:
    """All codes, the newest first."""
    return conn.execute(select(claim).order_by(claim.c.created_at.desc(), claim.c.id)).all()


def revoke(conn: Connection, id_: str, at: int) -> None:
    """End a code at `at` (Unix seconds); one that has ended stays so.

    Raises NotFound, Conflict if a device has used it.
    """
    row = conn.execute(select(claim).where(claim.c.id == id_).with_for_update()).one_or_none()
    if row is None:
        raise NotFound(f"claim {id_}: unknown")
    if row.used_at is not None:
        raise Conflict(f"claim {id_}: was used by device {row.device_id}; revoke that")
    if row.revoked_at is None:
        conn.execute(update(claim).where(claim.c.id == id_).values(revoked_at=at))
