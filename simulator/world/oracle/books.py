"""What is stored, by plain SQL: the only place that knows tables and columns."""

import sqlite3
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ChannelRow:
    """A channel as it is stored."""

    id: bytes
    device: str
    payer: str
    payee: str
    open_message: bytes
    capacity: int
    expires_at: int
    window: int
    state: str
    amount: int
    units: int
    iou: bytes | None
    settled_amount: int
    settled_units: int
    serial: int
    tick_index: int
    tick_preimage: bytes | None
    mirror_of: bytes | None
    mirror_fee_bp: int | None
    currency: str
    topup: bytes | None
    """The message that its capacity rests on, where that is not the terms'."""
    fee_fixed: int
    fee_bp: int
    fee_account: str | None
    ended_units: int | None
    """The units of its mark when its price ended, if that has."""
    legs: tuple[bytes, ...] = field(kw_only=True)
    """The messages that its later prices rest on."""


@dataclass(frozen=True)
class IntervalRow:
    """A stretch of a channel that was posted."""

    channel: bytes
    from_amount: int
    to_amount: int
    from_units: int
    to_units: int
    entry: int | None
    fee: int


@dataclass(frozen=True)
class EntryRow:
    """A journal entry with its lines (account, currency, signed amount)."""

    seq: int
    kind: str
    reference: str
    at: int
    memo: str
    hash: bytes
    lines: tuple[tuple[str, str, int], ...]


def channels(conn: sqlite3.Connection) -> dict[bytes, ChannelRow]:
    """All channels by id."""
    rows = conn.execute(
        "SELECT c.id, c.device_id, c.payer_account, c.payee_account, c.open_message, c.capacity,"
        " c.expires_at, c.window_units, c.state, c.amount, c.units, c.iou, c.settled_amount,"
        " c.settled_units, c.serial, c.tick_index, c.tick_preimage, c.mirror_of, c.mirror_fee_bp,"
        " t.currency,"
        " (SELECT message FROM topup WHERE channel_id = c.id ORDER BY capacity DESC LIMIT 1),"
        " t.fee_fixed, t.fee_bp, t.fee_account, c.ended_units"
        " FROM channel c JOIN tariff t ON t.id = c.tariff_id"
    )
    legs: dict[bytes, tuple[bytes, ...]] = {}
    for channel, message in conn.execute(
        "SELECT channel_id, message FROM leg ORDER BY channel_id, number"
    ):
        legs[channel] = (*legs.get(channel, ()), message)
    return {row[0]: ChannelRow(*row, legs=legs.get(row[0], ())) for row in rows}


def ends(conn: sqlite3.Connection) -> dict[bytes, int]:
    """The Unix second up to which more is granted by each tariff that is followed."""
    rows = conn.execute("SELECT tariff_id, since + grace_s FROM follower")
    return {bytes(tariff): int(at) for tariff, at in rows}


def intervals(conn: sqlite3.Connection) -> list[IntervalRow]:
    """All intervals, each channel's from its start."""
    rows = conn.execute(
        "SELECT channel_id, from_amount, to_amount, from_units, to_units, entry_seq, fee"
        " FROM interval"
        " ORDER BY channel_id, from_amount"
    )
    return [IntervalRow(*row) for row in rows]


def entries(conn: sqlite3.Connection, after: int) -> list[EntryRow]:
    """The journal after entry `after`, in order."""
    lines: dict[int, list[tuple[str, str, int]]] = {}
    for seq, account, currency, amount in conn.execute(
        "SELECT entry_seq, account, currency, amount FROM posting WHERE entry_seq > ?"
        " ORDER BY entry_seq, line",
        (after,),
    ):
        lines.setdefault(seq, []).append((account, currency, amount))
    rows = conn.execute(
        "SELECT seq, kind, reference, at, memo, hash FROM entry WHERE seq > ? ORDER BY seq",
        (after,),
    )
    return [
        EntryRow(seq, kind, reference, at, memo, hash_, tuple(lines.get(seq, ())))
        for seq, kind, reference, at, memo, hash_ in rows
    ]


def hash_of(conn: sqlite3.Connection, seq: int) -> bytes | None:
    """The stored hash of an entry, None if there is no such entry."""
    row = conn.execute("SELECT hash FROM entry WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else bytes(row[0])


def balances(conn: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """The balances that the gateway keeps, by ledger account and currency; without zeros."""
    rows = conn.execute("SELECT account, currency, amount FROM balance WHERE amount <> 0")
    return {(account, currency): amount for account, currency, amount in rows}


def credit_limits(conn: sqlite3.Connection) -> dict[str, int]:
    """How much each account may owe."""
    return dict(conn.execute("SELECT id, credit_limit FROM account").fetchall())


def leases(conn: sqlite3.Connection) -> dict[str, int]:
    """The fencing token of each lease."""
    return dict(conn.execute("SELECT name, token FROM lease").fetchall())
