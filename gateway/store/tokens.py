"""Queries on operators' access tokens. Secrets never come here, only their hashes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base, Token

token = Base.metadata.tables["token"]


def add(conn: Connection, new: Token) -> None:
    """Store a new token. Raises Conflict if its id is taken."""
    if conn.execute(select(token.c.id).where(token.c.id == new.id)).first() is not None:
        raise Conflict(f"token {new.id}: this id is taken")
    conn.execute(insert(token).values(**new.model_dump()))


def valid(conn: Connection, secret_hash: bytes, now: int) -> Row[Any] | None:
    """The token with this 32-byte hash, unless it is revoked or expired at `now` (Unix seconds).

    Looking up a hash tells by its timing nothing about the secret.
    """
    query = select(token).where(
        token.c.secret_hash == secret_hash,
        token.c.revoked_at.is_(None),
        token.c.expires_at.is_(None) | (token.c.expires_at > now),
    )
    return conn.execute(query).one_or_none()


def listed(conn: Connection) -> Sequence[Row[Any]]:
    """All tokens, by name."""
    return conn.execute(select(token).order_by(token.c.name, token.c.id)).all()


def revoke(conn: Connection, id_: str, at: int) -> None:
    """End a token at `at` (Unix seconds); one that has ended stays so. Raises NotFound."""
    if conn.execute(select(token.c.id).where(token.c.id == id_)).first() is None:
        raise NotFound(f"token {id_}: unknown")
    conn.execute(
        update(token).where(token.c.id == id_, token.c.revoked_at.is_(None)).values(revoked_at=at)
    )
