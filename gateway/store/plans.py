"""Queries on which tariff follows which: now, and at which times; and on prices that end, once
another has followed for long."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from gateway.store.channels import lock
from gateway.store.errors import Conflict, NotFound
from gateway.store.notices import decided, notice, tell_channels
from gateway.store.schema import Base
from gateway.store.tables_legs import Band, Follower

follower = Base.metadata.tables["follower"]
band = Base.metadata.tables["band"]
channel = Base.metadata.tables["channel"]
leg = Base.metadata.tables["leg"]

_AT_ONCE = 500


class Followers:
    """Which tariff is followed by which, as it stands."""

    def __init__(self, conn: Connection) -> None:
        rows = conn.execute(select(follower)).all()
        self._next = {bytes(row.tariff_id): bytes(row.follower_id) for row in rows}
        self._ends = {bytes(row.tariff_id): int(row.since + row.grace_s) for row in rows}

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

    def grace_left(self, tariff_id: bytes, now: int) -> int:
        """For how many seconds from Unix second `now` on more is granted at a tariff that is
        followed."""
        return max(0, self._ends[tariff_id] - now)

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
    to either goes on with it. Their channels' devices are to be told. One that is followed already
    has its grace from when it first was; one that is longer now lets it go on."""
    if follower_of(conn, new.follower_id) is not None:
        _go_on(conn, new.follower_id)
    before = followed_by(conn, new.tariff_id)
    if before is not None:
        now, new.since = new.since, before.since
        if now < new.since + new.grace_s:
            _go_on(conn, new.tariff_id)
    conn.execute(delete(follower).where(follower.c.tariff_id.in_((new.tariff_id, new.follower_id))))
    conn.execute(insert(follower).values(**new.model_dump()))
    query = _on(Followers(conn).before(new.follower_id), literal("grant"), channel.c.id)
    query = query.where(channel.c.state == "open")
    conn.execute(insert(notice).from_select(["kind", "channel_id"], query))
    decided(conn)


def unfollow(conn: Connection, tariff_id: bytes) -> None:
    """Let no tariff follow this one any more. Raises NotFound."""
    gone = conn.execute(delete(follower).where(follower.c.tariff_id == tariff_id)).rowcount
    if not gone:
        raise NotFound(f"tariff {tariff_id.hex()}: none follows it")
    _go_on(conn, tariff_id)
    decided(conn)


def past_grace(conn: Connection, now: int) -> Sequence[Row[Any]]:
    """Those that are followed, whose grace is over by Unix second `now` and which are not ended on
    all their channels."""
    over = follower.c.ended_at.is_(None) & (follower.c.since + follower.c.grace_s <= now)
    return conn.execute(select(follower).where(over).order_by(follower.c.tariff_id)).all()


def end_price(conn: Connection, row: Row[Any], now: int, most: int) -> int:
    """End the price of a tariff that is followed, as `past_grace` said, on `most` of the channels
    that have not gone over; on how many. From then on nothing more is granted at it there, and
    their devices are to be told.

    What is granted follows from the mark, so no worker may raise one meanwhile: the caller holds
    their leases (`lease.hold`).
    """
    same = follower.c.tariff_id == row.tariff_id
    if row not in conn.execute(select(follower).where(same)).all():
        return 0
    query = _on([bytes(row.tariff_id)], channel.c.id)
    query = query.where(channel.c.ended_units.is_(None)).order_by(channel.c.id).limit(most)
    ids = [bytes(each) for each in conn.execute(query).scalars()]
    if not ids:
        conn.execute(update(follower).where(same).values(ended_at=now))
        return 0
    lock(conn, ids)
    own = channel.c.id.in_(ids) & (channel.c.state != "closed")
    conn.execute(update(channel).where(own).values(ended_units=channel.c.units))
    tell_channels(conn, "grant", ids)
    return len(ids)


def go_on_all(conn: Connection, now: int) -> None:
    """Let every price that is followed be granted again, with its grace from Unix second `now` on:
    how far it was granted is not known for certain."""
    ended = channel.c.ended_units.is_not(None)
    conn.execute(update(channel).where(ended).values(ended_units=None))
    conn.execute(update(follower).values(since=now, ended_at=None))


def _go_on(conn: Connection, tariff_id: bytes) -> None:
    """Let what is on a tariff whose price had ended go on by it. Its devices are to be told."""
    query = _on([tariff_id], channel.c.id).where(channel.c.ended_units.is_not(None))
    ids = [bytes(each) for each in conn.execute(query.order_by(channel.c.id)).scalars()]
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        lock(conn, part)
        conn.execute(update(channel).where(channel.c.id.in_(part)).values(ended_units=None))
        tell_channels(conn, "grant", part)


def _on(tariffs: Sequence[bytes], *columns: ColumnElement[Any]) -> Select[Any]:
    """These columns of the payers' channels that are on one of these tariffs and not closed."""
    tariff = func.coalesce(leg.c.tariff_id, channel.c.tariff_id)
    return (
        select(*columns)
        .select_from(channel)
        .outerjoin(leg, (leg.c.channel_id == channel.c.id) & (leg.c.number == channel.c.leg))
        .where(channel.c.state != "closed", channel.c.mirror_of.is_(None), tariff.in_(tariffs))
    )


def follower_of(conn: Connection, tariff_id: bytes) -> bytes | None:
    """The tariff that follows this one; None if none does."""
    found = followed_by(conn, tariff_id)
    return None if found is None else bytes(found.follower_id)


def followed_by(conn: Connection, tariff_id: bytes) -> Row[Any] | None:
    """What follows this tariff, since when and with which grace; None if nothing does."""
    return conn.execute(select(follower).where(follower.c.tariff_id == tariff_id)).one_or_none()


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
