"""Queries on channels: opening, the mark, freezing, evidence.

The hot path is `load` and `raise_marks`; both are Core statements that are compiled once.
Closing is in `gateway.settlement.intervals`, since a close posts. Whether a mark may be raised is
the protocol's to decide; the WHERE clause only holds what must be true at the commit.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    Connection,
    Dialect,
    Row,
    Update,
    bindparam,
    func,
    insert,
    literal_column,
    null,
    select,
    text,
    update,
)

from gateway.ledger import states
from gateway.store import events
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base, Channel, Evidence, Topup

channel = Base.metadata.tables["channel"]
evidence = Base.metadata.tables["evidence"]
topup = Base.metadata.tables["topup"]
account = Base.metadata.tables["account"]
tariff = Base.metadata.tables["tariff"]

_ID_DIGITS = 64
_LOAD = select(channel).where(channel.c.id.in_(bindparam("ids", expanding=True)))
_MAY_RISE = (
    channel.c.id == bindparam("b_id"),
    channel.c.state == literal_column("'open'"),
    channel.c.amount < bindparam("new_amount"),
    channel.c.units <= bindparam("new_units"),
    channel.c.capacity >= bindparam("new_amount"),
    channel.c.expires_at > bindparam("now"),
)
_RAISE = (
    update(channel)
    .where(*_MAY_RISE)
    .values(
        amount=bindparam("new_amount"),
        units=bindparam("new_units"),
        iou=bindparam("new_iou"),
        tick_index=literal_column("0"),
        tick_preimage=null(),
    )
)
_TICK = (
    update(channel)
    .where(*_MAY_RISE, channel.c.iou == bindparam("b_iou"))
    .values(
        amount=bindparam("new_amount"),
        units=bindparam("new_units"),
        tick_index=bindparam("new_index"),
        tick_preimage=bindparam("new_preimage"),
    )
)
# In one order, so that PostgreSQL's row locks can't meet head-on.
_LOCK = text(
    "SELECT count(*) FROM (SELECT id FROM channel WHERE id = ANY(:ids) OR mirror_of = ANY(:ids)"
    " ORDER BY id FOR NO KEY UPDATE) AS own"
)


def lock(conn: Connection, ids: Sequence[bytes]) -> None:
    """Let no other transaction change these channels and their mirrors until this one ends.

    Whoever changes several of them by more than one statement calls this before the first, and
    `journal.lock`, if it posts, before this. In SQLite the write transaction is that lock.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(_LOCK, {"ids": list(ids)}).one()


def raise_marks(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Raise the marks of many channels by IOUs, and return how many were raised.

    Each row has `b_id` (channel id), `new_amount` (atomic units), `new_units`, `new_iou` (the
    signed message) and `now` (Unix seconds, of `Store.now`). A row whose channel is not open, has
    expired, or has a mark not below `new_amount` changes nothing: a caller that gets less than
    `len(rows)` must roll back and look again, since another writer was there first. At most one
    row for a channel.
    """
    return _raise(conn, _RAISE, rows)


def raise_by_ticks(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """As `raise_marks`, by ticks: each row has `new_index` and `new_preimage` in place of
    `new_iou`, and `b_iou`, the IOU whose chain they are of, which must be the channel's last."""
    return _raise(conn, _TICK, rows)


def _raise(conn: Connection, statement: Update, rows: Sequence[Mapping[str, Any]]) -> int:
    if not rows:
        return 0
    # As `lock` does, which one statement alone can do without.
    ordered = sorted(rows, key=itemgetter("b_id"))
    sql, order = _compiled(statement, conn.dialect)
    # Core's own handling of each row's parameters took half the time of a batch.
    given = [tuple([row[name] for name in order]) for row in ordered] if order else ordered
    return conn.exec_driver_sql(sql, given).rowcount


@cache
def _compiled(statement: Update, dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    """A statement compiled for a dialect, and its parameters' order if they are positional."""
    compiled = statement.compile(dialect=dialect)
    positions = compiled.positiontup
    return str(compiled), tuple(positions or ())


def load(conn: Connection, ids: Sequence[bytes]) -> Sequence[Row[Any]]:
    """The rows of these channels that exist, in no order; columns are those of `Channel`."""
    if not ids:
        return []
    return conn.execute(_LOAD, {"ids": list(ids)}).all()


def by_handle(conn: Connection, device_id: str, handle: bytes) -> Sequence[bytes]:
    """The ids of a device's channels that begin with `handle`, those that are not closed first."""
    query = (
        select(channel.c.id)
        .where(
            channel.c.device_id == device_id,
            func.substr(channel.c.id, 1, len(handle)) == handle,
        )
        .order_by(channel.c.state == "closed", channel.c.opened_at.desc())
    )
    return [bytes(found) for found in conn.execute(query).scalars()]


def get(conn: Connection, channel_id: bytes) -> Row[Any]:
    """One channel. Raises NotFound."""
    row = conn.execute(_LOAD, {"ids": [channel_id]}).one_or_none()
    if row is None:
        raise NotFound(f"channel {channel_id.hex()}: unknown")
    return row


def by_device(conn: Connection, device_id: str, *, live: bool = True) -> Sequence[Row[Any]]:
    """The channels that a device pays on, newest first; only those not closed, unless `live` is
    false."""
    query = select(channel).where(channel.c.device_id == device_id, channel.c.mirror_of.is_(None))
    if live:
        query = query.where(channel.c.state != "closed")
    return conn.execute(query.order_by(channel.c.opened_at.desc(), channel.c.id)).all()


def newest_live(conn: Connection, device_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Of each of these devices that pays on any the live channel that it opened last."""
    query = (
        select(channel)
        .where(
            channel.c.device_id.in_(device_ids),
            channel.c.mirror_of.is_(None),
            channel.c.state != "closed",
        )
        .order_by(channel.c.opened_at, channel.c.id)
    )
    return list({row.device_id: row for row in conn.execute(query)}.values())


def page(
    conn: Connection,
    *,
    after: bytes = b"",
    limit: int = 100,
    account_id: str | None = None,
    device_id: str | None = None,
    state: str | None = None,
    search: str | None = None,
) -> Sequence[Row[Any]]:
    """At most `limit` channels with ids above `after`, by id; `account_id` as payer or payee,
    `search` the hex digits that their ids begin with."""
    query = select(channel).where(channel.c.id > after).order_by(channel.c.id).limit(limit)
    if search is not None:
        first, last = (bytes.fromhex(search.ljust(_ID_DIGITS, digit)) for digit in "0f")
        query = query.where(channel.c.id.between(first, last))
    if account_id is not None:
        query = query.where(
            (channel.c.payer_account == account_id) | (channel.c.payee_account == account_id)
        )
    if device_id is not None:
        query = query.where(channel.c.device_id == device_id)
    if state is not None:
        query = query.where(channel.c.state == state)
    return conn.execute(query).all()


def live_terms(conn: Connection) -> Iterator[bytes]:
    """The `open` message of each channel that is not closed. Streams."""
    query = select(channel.c.open_message).where(channel.c.state != "closed")
    for message in conn.execute(query, execution_options={"yield_per": 1000}).scalars():
        yield bytes(message)


def expired(conn: Connection, now: int, limit: int) -> list[bytes]:
    """At most `limit` open channels whose expiry is not after `now` (Unix seconds)."""
    query = (
        select(channel.c.id)
        .where(channel.c.state == "open", channel.c.expires_at <= now)
        .order_by(channel.c.expires_at)
        .limit(limit)
    )
    return [bytes(found) for found in conn.execute(query).scalars()]


def has_named(conn: Connection, device_id: str, xrpl_channel: bytes) -> bool:
    """Whether a channel of this device, of whatever state, names this XRPL channel."""
    query = select(channel.c.id).where(
        channel.c.device_id == device_id, channel.c.xrpl_channel == xrpl_channel
    )
    return conn.execute(query).first() is not None


def add(conn: Connection, new: Channel) -> None:
    """Store a channel that opens.

    Raises NotFound if the tariff is unknown, Conflict if the id was ever used before or if payer,
    payee and tariff are not of one currency and scale. Whether the payer may reserve the capacity
    is the caller's question to `accounts.free`, in this same transaction.
    """
    if conn.execute(select(channel.c.id).where(channel.c.id == new.id)).first() is not None:
        raise Conflict(f"channel {new.id.hex()}: this id has been used")
    money = conn.execute(
        select(tariff.c.currency, tariff.c.scale).where(tariff.c.id == new.tariff_id)
    ).one_or_none()
    if money is None:
        raise NotFound(f"tariff {new.tariff_id.hex()}: unknown")
    for name in (new.payer_account, new.payee_account):
        owned = conn.execute(
            select(account.c.currency, account.c.scale).where(account.c.id == name)
        ).one_or_none()
        if owned is None:
            raise NotFound(f"account {name}: unknown")
        if tuple(owned) != tuple(money):
            raise Conflict(f"account {name}: currency and scale must be the tariff's, {money}")
    conn.execute(insert(channel).values(**new.model_dump()))
    note(conn, "channel.opened", new, capacity=str(new.capacity), expires_at=new.expires_at)


def note(conn: Connection, kind: str, row: Channel | Row[Any], **data: object) -> None:
    """Note what happened to a channel, for whom its device belongs to."""
    account_id = row.payer_account if row.mirror_of is None else row.payee_account
    events.note(conn, kind, row.id.hex(), account_id, device=row.device_id, **data)


def raise_capacity(
    conn: Connection, channel_id: bytes, before: int, capacity: int, message: bytes, at: int
) -> bool:
    """Let an open channel owe `capacity` atomic units instead of `before`, by a top-up that its
    payer signed (`message`), at Unix second `at`; false if it is not so any more.

    Whether the payer may reserve it is the caller's question to `accounts.free`, in this same
    transaction.
    """
    lock(conn, [channel_id])
    row = get(conn, channel_id)
    if (row.capacity, row.state) != (before, "open"):
        return False
    new = Topup(
        channel_id=channel_id, capacity=capacity, from_capacity=before, message=message, at=at
    )
    # First, since the database raises a capacity only to what is signed.
    conn.execute(insert(topup).values(**new.model_dump()))
    conn.execute(update(channel).where(channel.c.id == channel_id).values(capacity=capacity))
    note(conn, "channel.topped_up", row, capacity=str(capacity))
    return True


def topups(conn: Connection, channel_ids: Sequence[bytes]) -> dict[bytes, bytes]:
    """The greatest accepted top-up of each of these channels that was topped up, as its payer
    signed it."""
    query = select(topup).where(topup.c.channel_id.in_(channel_ids)).order_by(topup.c.capacity)
    return {bytes(row.channel_id): bytes(row.message) for row in conn.execute(query)}


def set_state(conn: Connection, channel_id: bytes, state: str) -> int:
    """Freeze or reopen a channel and its mirror, and return its new serial, one above the last.

    Raises NotFound, or IllegalMove from `states`; closing is not done here.
    """
    if state == "closed":
        raise Conflict("channel state: close by settlement.intervals.close, which posts")
    lock(conn, [channel_id])
    row = get(conn, channel_id)
    states.move(states.CHANNEL, row.state, state)
    conn.execute(
        update(channel).where(channel.c.id == channel_id).values(state=state, serial=row.serial + 1)
    )
    # What rises together stops together.
    conn.execute(update(channel).where(channel.c.mirror_of == channel_id).values(state=state))
    note(conn, "channel.frozen" if state == "frozen" else "channel.thawed", row)
    return int(row.serial) + 1


def raise_serial(conn: Connection, channel_id: bytes) -> int:
    """Raise a channel's serial by one, for a new operator decision, and return it."""
    conn.execute(
        update(channel).where(channel.c.id == channel_id).values(serial=channel.c.serial + 1)
    )
    return int(get(conn, channel_id).serial)


def keep_evidence(
    conn: Connection, channel_id: bytes, kind: str, message: bytes, found_at: int
) -> str:
    """Keep a message that proves something wrong, once; returns its id (SHA-256, hex)."""
    name = hashlib.sha256(message).hexdigest()
    known = select(evidence.c.id).where(evidence.c.channel_id == channel_id, evidence.c.id == name)
    if conn.execute(known).first() is None:
        row = Evidence(
            id=name, channel_id=channel_id, kind=kind, message=message, found_at=found_at
        )
        conn.execute(insert(evidence).values(**row.model_dump()))
    return name


def evidence_of(conn: Connection, channel_id: bytes) -> Sequence[Row[Any]]:
    """What was kept of a channel, oldest first."""
    query = select(evidence).where(evidence.c.channel_id == channel_id)
    return conn.execute(query.order_by(evidence.c.found_at, evidence.c.id)).all()
