"""Queries on access tokens. Secrets never come here, only their hashes."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gateway.store import accounts as stored_accounts
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base, Token

token = Base.metadata.tables["token"]
token_account = Base.metadata.tables["token_account"]


def add(conn: Connection, new: Token, sees: Collection[str] = ()) -> None:
    """Store a new token, and the accounts that it `sees` as their owner's.

    Raises Conflict if its id is taken, NotFound for an account.
    """
    if conn.execute(select(token.c.id).where(token.c.id == new.id)).first() is not None:
        raise Conflict(f"token {new.id}: this id is taken")
    conn.execute(insert(token).values(**new.model_dump()))
    for each in sorted(set(sees)):
        stored_accounts.get(conn, each)
        conn.execute(insert(token_account).values(token=new.id, account=each))


def get(conn: Connection, id_: str) -> Row[Any]:
    """One token, ended or not. Raises NotFound."""
    row = conn.execute(select(token).where(token.c.id == id_)).one_or_none()
    if row is None:
        raise NotFound(f"token {id_}: unknown")
    return row


def accounts_of(conn: Connection, id_: str) -> list[str]:
    """The accounts that a token sees as their owner's, in no order."""
    query = select(token_account.c.account).where(token_account.c.token == id_)
    return list(conn.execute(query).scalars())


def accounts(conn: Connection) -> dict[str, list[str]]:
    """The accounts that tokens see as their owners', by the tokens' ids."""
    found: dict[str, list[str]] = {}
    query = select(token_account).order_by(token_account.c.token, token_account.c.account)
    for row in conn.execute(query):
        found.setdefault(row.token, []).append(row.account)
    return found


def made_by(conn: Connection, principal: str) -> Sequence[Row[Any]]:
    """The tokens that somebody, as the books name them, has made."""
    return conn.execute(select(token).where(token.c.made_by == principal)).all()


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
    """End a token at `at` (Unix seconds); one that has ended stays so."""
    conn.execute(
        update(token).where(token.c.id == id_, token.c.revoked_at.is_(None)).values(revoked_at=at)
    )
