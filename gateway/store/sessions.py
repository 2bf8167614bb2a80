"""Queries on sessions of people who are logged in. Secrets never come here, only their hashes."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, true, update

from gateway.store.tables import Base
from gateway.store.tables_people import PersonSession

session = Base.metadata.tables["session"]
person = Base.metadata.tables["person"]


def add(conn: Connection, new: PersonSession) -> None:
    """Store a new session, and forget those whose time is over."""
    conn.execute(delete(session).where(session.c.expires_at < new.created_at))
    conn.execute(insert(session).values(**new.model_dump()))


def find(conn: Connection, secret_hash: bytes) -> Row[Any] | None:
    """The session with this 32-byte hash, live or not, with its person's role and state.

    Looking up a hash tells by its timing nothing about the secret.
    """
    query = (
        select(session, person.c.role, person.c.state)
        .join(person, person.c.name == session.c.person)
        .where(session.c.secret_hash == secret_hash)
    )
    return conn.execute(query).one_or_none()


def seen(conn: Connection, secret_hash: bytes, at: int) -> None:
    """Note that a session was used at `at` (Unix seconds)."""
    conn.execute(
        update(session)
        .where(session.c.secret_hash == secret_hash, session.c.seen_at < at)
        .values(seen_at=at)
    )


def end(conn: Connection, secret_hash: bytes, at: int) -> None:
    """End a session at `at` (Unix seconds); one that has ended stays so."""
    _end(conn, session.c.secret_hash == secret_hash, at)


def end_all(conn: Connection, name: str, at: int) -> None:
    """End all sessions of a person at `at` (Unix seconds)."""
    _end(conn, session.c.person == name, at)


def end_everybodys(conn: Connection, at: int) -> None:
    """End all sessions at `at` (Unix seconds)."""
    _end(conn, true(), at)


def _end(conn: Connection, which: ColumnElement[bool], at: int) -> None:
    conn.execute(update(session).where(which, session.c.ended_at.is_(None)).values(ended_at=at))
