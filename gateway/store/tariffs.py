"""Queries on tariffs. A tariff is never changed, only retired, and another added."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gateway.store import accounts
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base, Tariff
from protocol.ids import tariff_id

tariff = Base.metadata.tables["tariff"]


def add(conn: Connection, new: Tariff) -> None:
    """Store a new tariff.

    Raises Conflict if its id is not that of its encoding, if it exists already, if an active one
    has its name, or if the payee's account is of another currency or scale; NotFound if there is
    no such account.
    """
    if new.id != tariff_id(new.encoded):
        raise Conflict("tariff id: must be the SHA-256 of the encoded tariff")
    payee = accounts.get(conn, new.payee_account)
    if (payee.currency, payee.scale) != (new.currency, new.scale):
        raise Conflict(
            f"tariff currency and scale: must be the payee's, {payee.currency} {payee.scale}"
        )
    if conn.execute(select(tariff.c.id).where(tariff.c.id == new.id)).first() is not None:
        raise Conflict(f"tariff {new.id.hex()}: exists already")
    if by_name(conn, new.name) is not None:
        raise Conflict(f"tariff name: {new.name!r} is active already, retire it first")
    conn.execute(insert(tariff).values(**new.model_dump()))


def get(conn: Connection, id_: bytes) -> Row[Any]:
    """One tariff. Raises NotFound."""
    row = conn.execute(select(tariff).where(tariff.c.id == id_)).one_or_none()
    if row is None:
        raise NotFound(f"tariff {id_.hex()}: unknown")
    return row


def by_name(conn: Connection, name: str) -> Row[Any] | None:
    """The active tariff of this name, if there is one."""
    query = select(tariff).where(tariff.c.name == name, tariff.c.status == "active")
    return conn.execute(query).one_or_none()


def listed(conn: Connection, *, active: bool = True) -> Sequence[Row[Any]]:
    """All tariffs by name; only active ones unless `active` is false."""
    query = select(tariff).order_by(tariff.c.name, tariff.c.created_at)
    if active:
        query = query.where(tariff.c.status == "active")
    return conn.execute(query).all()


def retire(conn: Connection, id_: bytes) -> None:
    """Offer a tariff no more; channels opened under it keep it. Raises NotFound."""
    get(conn, id_)
    conn.execute(update(tariff).where(tariff.c.id == id_).values(status="retired"))
