"""Queries on what devices sell, and on the mirrors of channels between devices.

Whether a device may sell, and who may open a channel to it, is decided in `gateway.ingest`.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, insert, select, update

from gateway.ledger import states
from gateway.store.errors import NotFound
from gateway.store.tables import Base
from gateway.store.tables_listings import Listing

listing = Base.metadata.tables["listing"]
device = Base.metadata.tables["device"]
account = Base.metadata.tables["account"]
tariff = Base.metadata.tables["tariff"]
channel = Base.metadata.tables["channel"]

_WITH_OWNER = (
    select(listing, device.c.account_id, device.c.public_key, tariff.c.encoded)
    .join(device, device.c.id == listing.c.device_id)
    .join(tariff, tariff.c.id == listing.c.tariff_id)
)


def add(conn: Connection, new: Listing) -> None:
    """Keep a listing; the device's earlier ones of the same unit end. One that is there already is
    listed again if it had ended."""
    conn.execute(
        update(listing)
        .where(
            listing.c.device_id == new.device_id,
            listing.c.unit == new.unit,
            listing.c.id != new.id,
            listing.c.state == "listed",
        )
        .values(state=states.move(states.LISTING, "listed", "ended"))
    )
    known = conn.execute(select(listing.c.state).where(listing.c.id == new.id)).scalar_one_or_none()
    if known is None:
        conn.execute(insert(listing).values(**new.model_dump()))
    elif known == "ended":
        state = states.move(states.LISTING, known, "listed")
        conn.execute(update(listing).where(listing.c.id == new.id).values(state=state))


def get(conn: Connection, listing_id: bytes) -> Row[Any]:
    """One listing, with its device's account and key, and its tariff. Raises NotFound."""
    row = conn.execute(_WITH_OWNER.where(listing.c.id == listing_id)).one_or_none()
    if row is None:
        raise NotFound(f"listing {listing_id.hex()}: unknown")
    return row


def find(
    conn: Connection,
    *,
    unit: str | None = None,
    account_id: str | None = None,
    device_id: str | None = None,
    tariff_id: bytes | None = None,
    state: str | None = "listed",
    after: bytes = b"",
    limit: int = 100,
) -> Sequence[Row[Any]]:
    """At most `limit` listings with ids above `after`, by id, each with its device's account and
    key, and its tariff. Of devices that are not active none is listed."""
    query = _WITH_OWNER.where(listing.c.id > after).order_by(listing.c.id).limit(limit)
    if state is not None:
        query = query.where(listing.c.state == state)
    if state == "listed":
        query = query.where(device.c.status == "active")
    for column, value in (
        (listing.c.unit, unit),
        (device.c.account_id, account_id),
        (listing.c.device_id, device_id),
        (listing.c.tariff_id, tariff_id),
    ):
        if value is not None:
            query = query.where(column == value)
    return conn.execute(query).all()


def end(conn: Connection, listing_id: bytes) -> None:
    """End a listing: no further channel opens on it; open ones go on. Raises NotFound, IllegalMove
    if it has ended."""
    row = get(conn, listing_id)
    state = states.move(states.LISTING, row.state, "ended")
    conn.execute(update(listing).where(listing.c.id == listing_id).values(state=state))


def mirrors_of(conn: Connection, channel_ids: Sequence[bytes]) -> dict[bytes, Row[Any]]:
    """The mirror of each of these channels that has one."""
    if not channel_ids:
        return {}
    query = select(channel).where(channel.c.mirror_of.in_(list(channel_ids)))
    return {bytes(row.mirror_of): row for row in conn.execute(query)}


def earned_by(conn: Connection, device_id: str) -> Sequence[Row[Any]]:
    """The mirrors of a payee that are not closed, newest first."""
    query = _mirrors(device_id, channel.c.state != "closed", channel.c.opened_at)
    return conn.execute(query).all()


def ended_by(conn: Connection, device_id: str, now: int, limit: int) -> Sequence[Row[Any]]:
    """The mirrors of a payee that are closed and had not expired by now, closed last first."""
    ended = (channel.c.state == "closed") & (channel.c.expires_at > now)
    return conn.execute(_mirrors(device_id, ended, channel.c.closed_at).limit(limit)).all()


def _mirrors(device_id: str, which: ColumnElement[bool], by: Column[Any]) -> Select[Any]:
    return (
        select(channel)
        .where(channel.c.device_id == device_id, channel.c.mirror_of.is_not(None), which)
        .order_by(by.desc(), channel.c.id)
    )
