"""Queries on channels: opening, the mark, freezing, evidence.

The hot path is `load` and `raise_marks`; both are Core statements that are compiled once.
Closing is in `gateway.settlement.intervals`, since a close posts. Whether a mark may be raised is
the protocol's to decide; the WHERE clause only holds what must be true at the commit.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    Connection,
    Dialect,
    Row,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    update,
)

from gateway.ledger import states
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base, Channel, Evidence

channel = Base.metadata.tables["channel"]
evidence = Base.metadata.tables["evidence"]
account = Base.metadata.tables["account"]
tariff = Base.metadata.tables["tariff"]

_LOAD = select(channel).where(channel.c.id.in_(bindparam("ids", expanding=True)))
_RAISE = (
    update(channel)
    .where(
        channel.c.id == bindparam("b_id"),
        channel.c.state == literal_column("'open'"),
        channel.c.amount < bindparam("new_amount"),
        channel.c.units <= bindparam("new_units"),
        channel.c.capacity >= bindparam("new_amount"),
        channel.c.expires_at > bindparam("now"),
    )
    .values(amount=bindparam("new_amount"), units=bindparam("new_units"), iou=bindparam("new_iou"))
)


def raise_marks(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Raise the marks of many channels, and return how many were raised.

    Each row has `b_id` (channel id), `new_amount` (atomic units), `new_units`, `new_iou` (the
    signed message) and `now` (Unix seconds, of `Store.now`). A row whose channel is not open, has
    expired, or has a mark not below `new_amount` changes nothing: a caller that gets less than
    `len(rows)` must roll back and look again, since another writer was there first. At most one
    row for a channel.
    """
    if not rows:
        return 0
    # One order for all writers, so that PostgreSQL's row locks can't meet head-on.
    ordered = sorted(rows, key=itemgetter("b_id"))
    sql, order = _raise_sql(conn.dialect)
    # Core's own handling of each row's parameters took half the time of a batch.
    given = [tuple([row[name] for name in order]) for row in ordered] if order else ordered
    return conn.exec_driver_sql(sql, given).rowcount


@cache
def _raise_sql(dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    """The statement compiled for a dialect, and its parameters' order if they are positional."""
    compiled = _RAISE.compile(dialect=dialect)
    positions = compiled.positiontup
    return str(compiled), tuple(positions or ())


def load(conn: Connection, ids: Sequence[bytes]) -> Sequence[Row[Any]]:
    """The rows of these channels that exist, in no order; columns are those of `Channel`."""
    if not ids:
        return []
    return conn.execute(_LOAD, {"ids": list(ids)}).all()


def get(conn: Connection, channel_id: bytes) -> Row[Any]:
    """One channel. Raises NotFound."""
    row = conn.execute(_LOAD, {"ids": [channel_id]}).one_or_none()
    if row is None:
        raise NotFound(f"channel {channel_id.hex()}: unknown")
    return row


def by_device(conn: Connection, device_id: str, *, live: bool = True) -> Sequence[Row[Any]]:
    """A device's channels, newest first; only those not closed, unless `live` is false."""
    query = select(channel).where(channel.c.device_id == device_id)
    if live:
        query = query.where(channel.c.state != "closed")
    return conn.execute(query.order_by(channel.c.opened_at.desc(), channel.c.id)).all()


def page(
    conn: Connection,
    *,
    after: bytes = b"",
    limit: int = 100,
    account_id: str | None = None,
    device_id: str | None = None,
    state: str | None = None,
) -> Sequence[Row[Any]]:
    """At most `limit` channels with ids above `after`, by id; `account_id` as payer or payee."""
    query = select(channel).where(channel.c.id > after).order_by(channel.c.id).limit(limit)
    if account_id is not None:
        query = query.where(
            (channel.c.payer_account == account_id) | (channel.c.payee_account == account_id)
        )
    if device_id is not None:
        query = query.where(channel.c.device_id == device_id)
    if state is not None:
        query = query.where(channel.c.state == state)
    return conn.execute(query).all()


def expired(conn: Connection, now: int, limit: int) -> list[bytes]:
    """At most `limit` open channels whose expiry is not after `now` (Unix seconds)."""
    query = (
        select(channel.c.id)
        .where(channel.c.state == "open", channel.c.expires_at <= now)
        .order_by(channel.c.expires_at)
        .limit(limit)
    )
    return [bytes(found) for found in conn.execute(query).scalars()]


def add(conn: Connection, new: Channel) -> None:
    """Store a channel that opens.

    Raises NotFound if the tariff is unknown, Conflict if the id was ever used before or if payer,
    payee and tariff are not of one currency and scale. Whether the payer may reserve the capacity
    is the caller's question to `accounts.exposure`, in this same transaction.
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


def set_state(conn: Connection, channel_id: bytes, state: str) -> int:
    """Freeze or reopen a channel, and return its new serial, one above the last.

    Raises NotFound, or IllegalMove from `states`; closing is not done here.
    """
    if state == "closed":
        raise Conflict("channel state: close by settlement.intervals.close, which posts")
    row = conn.execute(
        select(channel.c.state, channel.c.serial)
        .where(channel.c.id == channel_id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound(f"channel {channel_id.hex()}: unknown")
    states.move(states.CHANNEL, row.state, state)
    conn.execute(
        update(channel).where(channel.c.id == channel_id).values(state=state, serial=row.serial + 1)
    )
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


def count_by_state(conn: Connection) -> dict[str, int]:
    """How many channels are in each state."""
    query = select(channel.c.state, func.count()).group_by(channel.c.state)
    return {state: int(count) for state, count in conn.execute(query)}
