"""What is stored, by plain SQL: the only place that knows tables and columns."""

import sqlite3
from dataclasses import dataclass


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


@dataclass(frozen=True)
class IntervalRow:
    """A stretch of a channel that was posted."""

    channel: bytes
    from_amount: int
    to_amount: int
    from_units: int
    to_units: int
    entry: int | None


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


@dataclass(frozen=True)
class InstructionRow:
    """One movement of money that the rail is asked for."""

    id: str
    account: str
    direction: str
    amount: int
    currency: str
    state: str


def channels(conn: sqlite3.Connection) -> dict[bytes, ChannelRow]:
    """All channels by id."""
    rows = conn.execute(
        "SELECT id, device_id, payer_account, payee_account, open_message, capacity, expires_at,"
        " window_units, state, amount, units, iou, settled_amount, settled_units, serial"
        " FROM channel"
    )
    return {row[0]: ChannelRow(*row) for row in rows}


def intervals(conn: sqlite3.Connection) -> list[IntervalRow]:
    """All intervals, each channel's from its start."""
    rows = conn.execute(
        "SELECT channel_id, from_amount, to_amount, from_units, to_units, entry_seq FROM interval"
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


def instructions(conn: sqlite3.Connection) -> dict[str, InstructionRow]:
    """All instructions by id."""
    rows = conn.execute(
        "SELECT id, account_id, direction, amount, currency, state FROM instruction"
    )
    return {row[0]: InstructionRow(*row) for row in rows}


def credit_limits(conn: sqlite3.Connection) -> dict[str, int]:
    """How much each account may owe."""
    return dict(conn.execute("SELECT id, credit_limit FROM account").fetchall())


def leases(conn: sqlite3.Connection) -> dict[str, int]:
    """The fencing token of each lease."""
    return dict(conn.execute("SELECT name, token FROM lease").fetchall())
