"""Queries for what has happened to one channel, as far as the books keep it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from gateway.store.tables import Base
from gateway.store.tables_books import Interval as _Interval  # noqa: F401  (registers the tables)

interval = Base.metadata.tables["interval"]
entry = Base.metadata.tables["entry"]
topup = Base.metadata.tables["topup"]


def intervals(conn: Connection, channel_id: bytes) -> Sequence[Row[Any]]:
    """The posted stretches of a channel, in order, with when (`at`) and by what entry (`seq`)."""
    query = (
        select(interval, entry.c.seq, entry.c.at)
        .join(entry, entry.c.seq == interval.c.entry_seq)
        .where(interval.c.channel_id == channel_id)
        .order_by(interval.c.to_amount)
    )
    return conn.execute(query).all()


def topups(conn: Connection, channel_id: bytes) -> Sequence[Row[Any]]:
    """A channel's top-ups, in order."""
    query = select(topup).where(topup.c.channel_id == channel_id).order_by(topup.c.capacity)
    return conn.execute(query).all()
