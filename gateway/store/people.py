"""Queries on people: who there is, what they prove themselves by, and the links that let them in.

Secrets never come here, only their hashes, and what is encrypted already.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from gateway.store import accounts as stored_accounts
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base
from gateway.store.tables_people import Person, Welcome

person = Base.metadata.tables["person"]
person_account = Base.metadata.tables["person_account"]
recovery_code = Base.metadata.tables["recovery_code"]
welcome = Base.metadata.tables["welcome"]


def count(conn: Connection) -> int:
    """How many people there are, in whatever state."""
    return int(conn.execute(select(func.count()).select_from(person)).scalar_one())


def add(conn: Connection, new: Person) -> None:
    """Store a new person. Raises Conflict if the name is taken, for a name is never used again."""
    if conn.execute(select(person.c.name).where(person.c.name == new.name)).first() is not None:
        raise Conflict(f"person {new.name}: this name is taken")
    conn.execute(insert(person).values(**new.model_dump()))


def get(conn: Connection, name: str) -> Row[Any]:
    """One person. Raises NotFound."""
    row = find(conn, name)
    if row is None:
        raise NotFound(f"person {name}: unknown")
    return row


def find(conn: Connection, name: str) -> Row[Any] | None:
    """One person, None if there is no such."""
    return conn.execute(select(person).where(person.c.name == name)).one_or_none()


def locked(conn: Connection, name: str) -> Row[Any]:
    """One person, whom nobody else changes before the transaction ends. Raises NotFound."""
    row = conn.execute(select(person).where(person.c.name == name).with_for_update()).one_or_none()
    if row is None:
        raise NotFound(f"person {name}: unknown")
    return row


def listed(conn: Connection) -> Sequence[Row[Any]]:
    """All people, by name."""
    return conn.execute(select(person).order_by(person.c.name)).all()


def change(conn: Connection, name: str, **values: object) -> None:
    """Set columns of a person."""
    conn.execute(update(person).where(person.c.name == name).values(**values))


def take_step(conn: Connection, name: str, step: int) -> bool:
    """Note the step that a code was taken of; False if that step, or a later one, was taken."""
    taken = conn.execute(
        update(person)
        .where(person.c.name == name, person.c.totp_step < step)
        .values(totp_step=step)
    )
    return taken.rowcount == 1


def accounts_of(conn: Connection, name: str) -> list[str]:
    """The accounts that a person sees as their owner, by id."""
    query = select(person_account.c.account).where(person_account.c.person == name)
    return list(conn.execute(query.order_by(person_account.c.account)).scalars())


def set_accounts(conn: Connection, name: str, accounts: Collection[str]) -> None:
    """Set the accounts that a person sees as their owner. Raises NotFound for one of them."""
    conn.execute(delete(person_account).where(person_account.c.person == name))
    for each in sorted(set(accounts)):
        stored_accounts.get(conn, each)
        conn.execute(insert(person_account).values(person=name, account=each))


def set_recovery_codes(conn: Connection, name: str, hashes: Iterable[bytes]) -> None:
    """Let these be a person's recovery codes, by their 32-byte hashes, and no others."""
    conn.execute(delete(recovery_code).where(recovery_code.c.person == name))
    rows = [{"code_hash": each, "person": name} for each in hashes]
    if rows:
        conn.execute(insert(recovery_code), rows)


def use_recovery_code(conn: Connection, name: str, code_hash: bytes, at: int) -> bool:
    """Use a person's recovery code up; False if it is none, or was used."""
    used = conn.execute(
        update(recovery_code)
        .where(
            recovery_code.c.code_hash == code_hash,
            recovery_code.c.person == name,
            recovery_code.c.used_at.is_(None),
        )
        .values(used_at=at)
    )
    return used.rowcount == 1


def add_link(conn: Connection, new: Welcome) -> None:
    """Store a new link; those that its person has not used are good no more."""
    drop_links(conn, new.person)
    conn.execute(insert(welcome).values(**new.model_dump()))


def drop_links(conn: Connection, name: str) -> None:
    """Let a person's unused links be good no more."""
    conn.execute(delete(welcome).where(welcome.c.person == name, welcome.c.used_at.is_(None)))


def valid_link(conn: Connection, link_hash: bytes, now: int) -> Row[Any] | None:
    """The link with this 32-byte hash, if it may be used at `now` (Unix seconds).

    Looking up a hash tells by its timing nothing about the link.
    """
    query = select(welcome).where(
        welcome.c.link_hash == link_hash, welcome.c.used_at.is_(None), welcome.c.expires_at > now
    )
    return conn.execute(query).one_or_none()


def use_link(conn: Connection, link_hash: bytes, at: int) -> bool:
    """Use a link up; False if it was used."""
    used = conn.execute(
        update(welcome)
        .where(welcome.c.link_hash == link_hash, welcome.c.used_at.is_(None))
        .values(used_at=at)
    )
    return used.rowcount == 1
