"""Queries on tariffs. A tariff is never changed, only retired, and another added; one that only
devices sold by becomes the gateway's own when an operator adds it.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gateway.store import accounts
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base
from gateway.store.tables import Tariff as TariffRow
from protocol.ids import tariff_id
from protocol.pricing import Tariff

tariff = Base.metadata.tables["tariff"]

_SOLD = "sold by devices "


def add(conn: Connection, new: TariffRow) -> None:
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
    same = tariff.c.id == new.id
    known = conn.execute(select(tariff).where(same)).one_or_none()
    if known is not None and not _only_sold_by_devices(known):
        raise Conflict(
            f"tariff {known.name!r} ({known.status}) has this price for this unit already: its id "
            f"is {new.id.hex()}"
        )
    if by_name(conn, new.name) is not None:
        raise Conflict(f"tariff name: {new.name!r} is active already, retire it first")
    if known is None:
        conn.execute(insert(tariff).values(**new.model_dump()))
    else:
        # Or any device could keep an operator from a price by selling at it first. Channels keep
        # the payee and the window that they opened with.
        conn.execute(update(tariff).where(same).values(**new.model_dump()))


def know(conn: Connection, price: Tariff, payee_account: str, at: int) -> None:
    """Have a tariff among the known ones, for channels to refer to. One that only devices sell by
    is not active: the gateway itself does not offer it."""
    known = select(tariff.c.id).where(tariff.c.id == price.id())
    if conn.execute(known).first() is not None:
        return
    row = TariffRow(
        id=price.id(),
        name=f"{_SOLD}{price.id().hex()[:16]}",
        encoded=price.encoded(),
        unit=price.unit,
        numerator=price.numerator,
        denominator=price.denominator,
        currency=price.currency,
        scale=price.scale,
        pricing=price.pricing,
        session_fee=price.session_fee,
        payee_account=payee_account,
        window_units=1,
        max_capacity=1,
        max_lifetime_s=1,
        status="retired",
        created_at=at,
    )
    conn.execute(insert(tariff).values(**row.model_dump()))


def _only_sold_by_devices(row: Row[Any]) -> bool:
    limits = (row.window_units, row.max_capacity, row.max_lifetime_s)
    return row.status == "retired" and limits == (1, 1, 1) and row.name.startswith(_SOLD)


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
