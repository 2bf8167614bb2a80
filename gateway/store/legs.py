"""Queries on legs: by which price an open channel goes on."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gateway.store.channels import channel, lock
from gateway.store.schema import Base
from gateway.store.tables_legs import Leg
from protocol.legs import Leg as Signed

leg = Base.metadata.tables["leg"]


def begin(conn: Connection, signed: Signed, message: bytes, before: int, at: int) -> bool:
    """Let an open channel go on by the leg that its payer signed (`message`), at Unix second `at`;
    false if its mark or its leg `before` is not so any more.

    What proves the mark from then on is the IOU in the leg, which says the same.
    """
    lock(conn, [signed.channel])
    row = conn.execute(select(channel).where(channel.c.id == signed.channel)).one()
    if (row.amount, row.units, row.leg, row.state) != (signed.amount, signed.units, before, "open"):
        return False
    new = Leg(
        channel_id=signed.channel,
        number=signed.number,
        tariff_id=signed.tariff.id(),
        amount=signed.amount,
        units=signed.units,
        message=message,
        at=at,
    )
    # First, since the database raises a channel's leg only to one that is signed.
    conn.execute(insert(leg).values(**new.model_dump()))
    values: dict[str, object] = {
        "leg": signed.number,
        "ended_units": None,
        "tick_index": 0,
        "tick_preimage": None,
    }
    if signed.last_iou:
        values["iou"] = signed.last_iou
    conn.execute(update(channel).where(channel.c.id == signed.channel).values(values))
    return True


def of(conn: Connection, channel_id: bytes) -> Sequence[Row[Any]]:
    """The legs of a channel, in their order."""
    return conn.execute(
        select(leg).where(leg.c.channel_id == channel_id).order_by(leg.c.number)
    ).all()


def message(conn: Connection, channel_id: bytes, number: int) -> bytes | None:
    """One leg as its payer signed it; None if there is none of this number."""
    query = select(leg.c.message).where(leg.c.channel_id == channel_id, leg.c.number == number)
    found = conn.execute(query).scalar_one_or_none()
    return None if found is None else bytes(found)


def current(conn: Connection, rows: Iterable[Row[Any]]) -> dict[bytes, bytes]:
    """The legs that these channels' rows say they are on, as their payers signed them, by the
    channels' ids; those that are on their first tariff have none."""
    on = [bytes(row.id) for row in rows if row.leg]
    found: dict[bytes, bytes] = {}
    for start in range(0, len(on), 500):
        query = (
            select(leg.c.channel_id, leg.c.message)
            .join(channel, (channel.c.id == leg.c.channel_id) & (channel.c.leg == leg.c.number))
            .where(channel.c.id.in_(on[start : start + 500]))
        )
        found.update((bytes(row.channel_id), bytes(row.message)) for row in conn.execute(query))
    return found
