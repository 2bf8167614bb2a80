"""Use cases on prices that change: letting a tariff follow another, now or at times of use, and the
end of the price before."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from gateway.operations import times
from gateway.operations.errors import BadInput
from gateway.settlement import cron
from gateway.store import audit, fence, lease, plans, tariffs
from gateway.store.engine import Store
from gateway.store.errors import NotFound
from gateway.store.tables_legs import Band, Follower
from protocol.pricing import METERED

_SAME = {
    "unit": "measure the same unit",
    "currency": "be in the same currency",
    "scale": "be in the same currency",
    "payee_account": "be paid to the same account",
    "fee_fixed": "ask its payee for the same fees",
    "fee_bp": "ask its payee for the same fees",
    "fee_account": "ask its payee for the same fees",
}
"""What a channel keeps when its price changes."""


GRACE_S = 3_600
"""For how long more is granted at a price that another follows, unless the operator says."""
LONGEST_GRACE_S = 366 * 86_400
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class NewBand:
    """Whenever `cron` in `time_zone` falls due, one tariff follows the other (their ids); for
    `grace_s` seconds from then on more is granted at the one before."""

    tariff_id: bytes
    follower_id: bytes
    cron: str
    time_zone: str = "UTC"
    grace_s: int = GRACE_S


@dataclass(frozen=True, slots=True)
class Standing:
    """A band with the names of its tariffs, and when it falls due next (Unix seconds)."""

    band: Row[Any]
    tariff: str
    follower: str
    next_due: int | None


@dataclass(frozen=True, slots=True)
class Following:
    """A tariff, and the one that its channels are to go over to now; at Unix second `ends_at` the
    grace is over in which more is granted by the tariff itself."""

    tariff: Row[Any]
    follower: Row[Any] | None
    ends_at: int | None


def follow(store: Store, tariff: bytes, follower: bytes, grace_s: int = GRACE_S) -> Following:
    """Let a tariff follow another at once: the devices of open channels are told, and each goes
    over to it by its own signed word; after `grace_s` seconds nothing more is granted by the one
    before. New channels open by it alone.

    Raises BadInput if the two do not go together, or one is unknown.
    """
    _check_grace(grace_s)
    with store.write() as conn:
        _check(conn, tariff, follower)
        new = Follower(
            tariff_id=tariff, follower_id=follower, since=store.now(conn), grace_s=grace_s
        )
        plans.follow(conn, new)
        after = {"follower": follower.hex(), "grace_s": str(grace_s)}
        audit.record(conn, "tariff.follow", tariff.hex(), after=after)
        return _following(conn, tariff)


def unfollow(store: Store, tariff: bytes) -> Following:
    """Let none follow a tariff any more: channels that have not gone over stay with it, and new
    ones open by it. Raises NotFound."""
    with store.write() as conn:
        plans.unfollow(conn, tariff)
        audit.record(conn, "tariff.unfollow", tariff.hex())
        return _following(conn, tariff)


def following(store: Store, tariff: bytes) -> Following:
    """A tariff, and what follows it now. Raises NotFound."""
    with store.read() as conn:
        return _following(conn, tariff)


def _following(conn: Connection, tariff: bytes) -> Following:
    row = tariffs.get(conn, tariff)
    next_ = plans.followed_by(conn, tariff)
    if next_ is None:
        return Following(row, None, None)
    return Following(row, tariffs.get(conn, bytes(next_.follower_id)), next_.since + next_.grace_s)


def add_band(store: Store, new: NewBand) -> Standing:
    """Add a time of use, from now on. Raises BadInput, or Conflict if it is there."""
    band = _band(new)
    with store.write() as conn:
        _check(conn, new.tariff_id, new.follower_id)
        band.served_until = store.now(conn)
        plans.add_band(conn, band)
        audit.record(conn, "band.add", band.tariff_id.hex(), after=_recorded(band))
        return next(each for each in _standings(conn, store.now(conn)) if _is(each.band, band))


def remove_band(store: Store, old: NewBand) -> None:
    """End a time of use. What follows now stays so. Raises BadInput or NotFound."""
    band = _band(old)
    with store.write() as conn:
        plans.remove_band(conn, band)
        audit.record(conn, "band.remove", band.tariff_id.hex(), before=_recorded(band))


def _recorded(band: Band) -> dict[str, object]:
    """A time of use as the audit log has it."""
    follower = band.follower_id.hex()
    return {
        "follower": follower,
        "cron": band.cron,
        "time_zone": band.time_zone,
        "grace_s": str(band.grace_s),
    }


def bands(store: Store) -> list[Standing]:
    """All times of use, in the order in which they fall due next."""
    with store.read() as conn:
        return _standings(conn, store.now(conn))


def follow_due(store: Store) -> list[tuple[str, str]]:
    """Let follow what has fallen due; the names of the tariffs, as they followed each other.

    What fell due several times while nobody looked is done once, in the order of the last times.
    """
    with store.read() as conn:
        now = store.now(conn)
        due = _due(conn, now)
    done = []
    for at, each in due:
        with store.write() as conn:
            band = Band(**each.band._mapping)
            follower = Follower(
                tariff_id=band.tariff_id,
                follower_id=band.follower_id,
                since=store.now(conn),
                grace_s=band.grace_s,
            )
            if plans.follower_of(conn, band.tariff_id) != band.follower_id:
                plans.follow(conn, follower)
                done.append((each.tariff, each.follower))
            plans.served(conn, band, at)
    return done


def end_due(store: Store) -> int:
    """End the prices whose grace is over on the channels that have not gone over; on how many.

    None behind the fence: what the lost books had granted is not known. In short transactions, so
    that payments wait for none of them long.
    """
    with store.read() as conn:
        over = plans.past_grace(conn, store.now(conn))
    ended = 0
    for row in over:
        found = 1
        while found:
            with store.write() as conn:
                if fence.is_up(conn):
                    return ended
                lease.hold(conn)
                found = plans.end_price(conn, row, store.now(conn), _AT_ONCE)
                ended += found
    return ended


def _due(conn: Connection, now: int) -> list[tuple[int, Standing]]:
    found = []
    for each in _standings(conn, now):
        band = each.band
        after = cron.counts_from(band.cron, band.time_zone, band.served_until, now)
        at = cron.last_due(band.cron, band.time_zone, after, now)
        if at is not None:
            found.append((at, each))
    return sorted(found, key=lambda pair: pair[0])


def _standings(conn: Connection, now: int) -> list[Standing]:
    names = {bytes(row.id): row.name for row in tariffs.listed(conn, active=False)}
    found = [
        Standing(
            row,
            names[bytes(row.tariff_id)],
            names[bytes(row.follower_id)],
            cron.next_due(row.cron, row.time_zone, now),
        )
        for row in plans.bands(conn)
    ]
    return sorted(found, key=lambda each: (each.next_due is None, each.next_due or 0, each.tariff))


def _is(row: Row[Any], band: Band) -> bool:
    key = (row.tariff_id, row.follower_id, row.cron, row.time_zone)
    return key == (band.tariff_id, band.follower_id, band.cron, band.time_zone)


def _band(new: NewBand) -> Band:
    if not new.cron:
        raise BadInput("cron", "must say when: five fields, such as '0 22 * * *'")
    _check_grace(new.grace_s)
    times.check(new.cron, new.time_zone)
    return Band(
        tariff_id=new.tariff_id,
        follower_id=new.follower_id,
        cron=" ".join(new.cron.split()),
        time_zone=new.time_zone,
        served_until=0,
        grace_s=new.grace_s,
    )


def _check_grace(grace_s: int) -> None:
    if not 0 <= grace_s <= LONGEST_GRACE_S:
        raise BadInput("grace_s", f"must be 0 to {LONGEST_GRACE_S} seconds, which is 366 days")


def _check(conn: Connection, tariff: bytes, follower: bytes) -> None:
    """Raises BadInput unless channels of the one can go over to the other."""
    before, after = _known(conn, "tariff_id", tariff), _known(conn, "follower_id", follower)
    if before.id == after.id:
        raise BadInput("follower_id", "must be another tariff")
    if after.status != "active":
        raise BadInput("follower_id", "must be active: nothing could be offered")
    for field, row in (("tariff_id", before), ("follower_id", after)):
        if row.pricing != METERED:
            raise BadInput(field, "must be metered: open sums have no price to change")
    for name, what in _SAME.items():
        if getattr(before, name) != getattr(after, name):
            raise BadInput("follower_id", f"must {what}")


def _known(conn: Connection, field: str, tariff: bytes) -> Row[Any]:
    try:
        return tariffs.get(conn, tariff)
    except NotFound:
        raise BadInput(field, "there is no such tariff") from None
