"""Queries on which tariff follows which: now, and at which times."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, literal, select, update

from gateway.store.errors import Conflict, NotFound
from gateway.store.notices import decided, notice
from gateway.store.schema import Base
from gateway.store.tables_legs import Band, Follower

follower = Base.metadata.tables["follower"]
band = Base.metadata.tables["band"]
channel = Base.metadata.tables["channel"]
leg = Base.metadata.tables["leg"]


class Followers:
    """Which tariff is followed by which, as it stands."""

    def __init__(self, conn: Connection) -> None:
        rows = conn.execute(select(follower.c.tariff_id, follower.c.follower_id))
        self._next = {bytes(row.tariff_id): bytes(row.follower_id) for row in rows}

    def __contains__(self, tariff_id: bytes) -> bool:
        return tariff_id in self._next

    def concerned(self) -> set[bytes]:
        """The tariffs that follow or are followed."""
        return {*self._next, *self._next.values()}

    def last(self, tariff_id: bytes) -> bytes:
        """The tariff that channels of this one are to go over to; itself if none follows it."""
        while tariff_id in self._next:
            tariff_id = self._next[tariff_id]
        return tariff_id

    def follow(self, tariff_id: bytes, follower_id: bytes) -> None:
        """What a band that falls due makes of them, here alone: to see ahead."""
        if self._next.get(tariff_id) != follower_id:
            self._next.pop(follower_id, None)
            self._next[tariff_id] = follower_id

    def before(self, tariff_id: bytes) -> list[bytes]:
        """The tariffs whose channels are to go over to this one."""
        return [each for each in self._next if self.last(each) == tariff_id]


def follow(conn: Connection, new: Follower) -> None:
    """Let one tariff follow another from now on, and none follow the one that does; what went over
    to either goes on with it. Their channels' devices are to be told."""
    conn.execute(delete(follower).where(follower.c.tariff_id.in_((new.tariff_id, new.follower_id))))
    conn.execute(insert(follower).values(**new.model_dump()))
    tariffs = Followers(conn).before(new.follower_id)
    on = func.coalesce(leg.c.tariff_id, channel.c.tariff_id)
    query = (
        select(literal("grant"), channel.c.id)
        .outerjoin(leg, (leg.c.channel_id == channel.c.id) & (leg.c.number == channel.c.leg))
        .where(channel.c.state == "open", channel.c.mirror_of.is_(None), on.in_(tariffs))
    )
    conn.execute(insert(notice).from_select(["kind", "channel_id"], query))
    decided(conn)


def unfollow(conn: Connection, tariff_id: bytes) -> None:
    """Let no tariff follow this one any more. Raises NotFound."""
    gone = conn.execute(delete(follower).where(follower.c.tariff_id == tariff_id)).rowcount
    if not gone:
        raise NotFound(f"tariff {tariff_id.hex()}: none follows it")
    decided(conn)


def follower_of(conn: Connection, tariff_id: bytes) -> bytes | None:
    """The tariff that follows this one; None if none does."""
    query = select(follower.c.follower_id).where(follower.c.tariff_id == tariff_id)
    found = conn.execute(query).scalar_one_or_none()
    return None if found is None else bytes(found)


def is_to_follow(conn: Connection, tariff_id: bytes) -> bool:
    """Whether this tariff follows another, or will at some time."""
    return any(
        conn.execute(select(table).where(table.c.follower_id == tariff_id)).first() is not None
        for table in (follower, band)
    )


def bands(conn: Connection) -> Sequence[Row[Any]]:
    """All bands, by their tariffs."""
    order = band.c.tariff_id, band.c.follower_id, band.c.cron, band.c.time_zone
    return conn.execute(select(band).order_by(*order)).all()


def add_band(conn: Connection, new: Band) -> None:
    """Store a band. Raises Conflict if it is there."""
    if conn.execute(select(band).where(*_key(new))).first() is not None:
        raise Conflict("band: there is one of these tariffs and times")
    conn.execute(insert(band).values(**new.model_dump()))


def remove_band(conn: Connection, old: Band) -> None:
    """Delete a band. Raises NotFound."""
    if not conn.execute(delete(band).where(*_key(old))).rowcount:
        raise NotFound("band: there is none of these tariffs and times")


def served(conn: Connection, due: Band, until: int) -> None:
    """Note that what fell due of a band up to Unix second `until` was done."""
    conn.execute(update(band).where(*_key(due)).values(served_until=until))


def _key(of: Band) -> tuple[Any, ...]:
    return (
        band.c.tariff_id == of.tariff_id,
        band.c.follower_id == of.follower_id,
        band.c.cron == of.cron,
        band.c.time_zone == of.time_zone,
    )
