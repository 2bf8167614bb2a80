"""Posting a channel's interval (settled, mark]: for one channel that closes, for many in a run.

Each unit of a mark is in exactly one interval: an interval starts where the last one ended, which
the keys of the table enforce. The posting is: debit the payer, credit the payee.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text, update

from gateway.ledger import chart, states
from gateway.ledger.entry import Entry, Posting
from gateway.store import journal
from gateway.store.errors import NotFound
from gateway.store.tables import Base
from protocol import merkle
from protocol.statements import PAYER, StatementLine

channel = Base.metadata.tables["channel"]
interval = Base.metadata.tables["interval"]
tariff = Base.metadata.tables["tariff"]

_FREEZE = text(
    "INSERT INTO interval (channel_id, from_amount, to_amount, from_units, to_units, run)"
    " SELECT c.id, c.settled_amount, c.amount, c.settled_units, c.units, :run"
    " FROM channel c JOIN tariff t ON t.id = c.tariff_id"
    " WHERE c.state = 'open' AND c.amount > c.settled_amount AND t.currency = :currency"
)
_CLAIM_CLOSED = text(
    "UPDATE interval SET run = :run WHERE run IS NULL AND EXISTS"
    " (SELECT 1 FROM channel c JOIN tariff t ON t.id = c.tariff_id"
    " WHERE c.id = interval.channel_id AND t.currency = :currency)"
)
_NAME_ENTRIES = text(
    "UPDATE interval SET entry_seq = (SELECT e.seq FROM channel c JOIN entry e ON e.reference ="
    " CAST(:prefix AS VARCHAR) || c.payer_account || ':' || c.payee_account"
    " WHERE c.id = interval.channel_id) WHERE run = :run AND entry_seq IS NULL"
)
# In one order, as raise_marks does, so that PostgreSQL's row locks can't meet head-on.
_LOCK_CHANNELS = text(
    "SELECT count(*) FROM (SELECT c.id FROM channel c JOIN interval i ON i.channel_id = c.id"
    " WHERE i.run = :run ORDER BY c.id FOR NO KEY UPDATE OF c) AS locked"
)
_ADVANCE = text(
    "UPDATE channel SET settled_amount = i.to_amount, settled_units = i.to_units"
    " FROM interval i WHERE i.run = :run AND i.channel_id = channel.id"
    " AND i.from_amount = channel.settled_amount AND i.from_units = channel.settled_units"
)


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed channel's final word. `fresh` is false if it had been closed before."""

    device_id: str
    amount: int
    units: int
    serial: int
    closed_at: int
    fresh: bool


def line_of(row: Row[*tuple[Any, ...]], role: int) -> bytes:
    """The statement line, encoded, of a row with the columns of an interval and `tariff_id`."""
    return StatementLine(
        bytes(row.channel_id),
        role,
        row.from_amount,
        row.to_amount,
        row.from_units,
        row.to_units,
        bytes(row.tariff_id),
    ).encoded()


def _entry(
    reference: str, payer: str, payee: str, currency: str, amount: int, at: int, root: bytes
) -> Entry:
    postings = (
        Posting(chart.payer(payer), currency, amount),
        Posting(chart.payee(payee), currency, -amount),
    )
    return Entry("interval", reference, at, postings, root.hex())


def close(conn: Connection, channel_id: bytes, reason: str, at: int) -> Closed:
    """Close an open or frozen channel at its mark, and post what was not posted.

    A channel that is closed stays as it is, and is returned with `fresh` false. `reason` is for
    people, `at` is in Unix seconds. Raises NotFound. Takes the journal's lock first; a transaction
    that raises marks too must call `journal.lock` before it does.
    """
    journal.lock(conn)
    row = conn.execute(
        select(channel, tariff.c.currency)
        .join(tariff, tariff.c.id == channel.c.tariff_id)
        .where(channel.c.id == channel_id)
        .with_for_update(of=channel)
    ).one_or_none()
    if row is None:
        raise NotFound(f"channel {channel_id.hex()}: unknown")
    if row.state == "closed":
        return Closed(row.device_id, row.amount, row.units, row.serial, row.closed_at, False)
    states.move(states.CHANNEL, row.state, "closed")
    settled_units = row.settled_units
    if row.amount > row.settled_amount:
        settled_units = row.units
        line = StatementLine(
            channel_id,
            PAYER,
            row.settled_amount,
            row.amount,
            row.settled_units,
            row.units,
            bytes(row.tariff_id),
        )
        seq = journal.append(
            conn,
            _entry(
                f"close:{channel_id.hex()}",
                row.payer_account,
                row.payee_account,
                row.currency,
                row.amount - row.settled_amount,
                at,
                merkle.root([line.encoded()]),
            ),
        )
        conn.execute(
            insert(interval).values(
                channel_id=channel_id,
                from_amount=line.from_amount,
                to_amount=line.to_amount,
                from_units=line.from_units,
                to_units=line.to_units,
                entry_seq=seq,
            )
        )
    conn.execute(
        update(channel)
        .where(channel.c.id == channel_id)
        .values(
            state="closed",
            closed_at=at,
            close_reason=reason,
            serial=row.serial + 1,
            settled_amount=row.amount,
            settled_units=settled_units,
        )
    )
    return Closed(row.device_id, row.amount, row.units, row.serial + 1, at, True)


def freeze(conn: Connection, run: int, currency: str) -> int:
    """Cut an interval of each open channel of a currency that has a mark to settle, for this run.

    Intervals that closes have posted since the last run join it. Returns how many there are in
    all. Marks may rise meanwhile: they stand in a later interval. Needs the journal's lock.
    """
    claimed = conn.execute(_CLAIM_CLOSED, {"run": run, "currency": currency}).rowcount
    return claimed + conn.execute(_FREEZE, {"run": run, "currency": currency}).rowcount


def post(conn: Connection, run: int, currency: str, at: int) -> int:
    """Post the intervals that `freeze` cut, one entry for each pair of payer and payee.

    The entry's memo is the Merkle root of its intervals, as payer's statement lines by channel.
    Returns the number of entries. Belongs in the transaction of `freeze`.
    """
    count = 0
    for entry in _run_entries(conn, run, currency, at):
        journal.append(conn, entry)
        count += 1
    conn.execute(_NAME_ENTRIES, {"run": run, "prefix": _reference(run)})
    return count


def _reference(run: int) -> str:
    return f"run:{run}:interval:"


def _run_entries(conn: Connection, run: int, currency: str, at: int) -> Iterator[Entry]:
    rows = conn.execute(
        select(
            channel.c.payer_account,
            channel.c.payee_account,
            interval.c.channel_id,
            interval.c.from_amount,
            interval.c.to_amount,
            interval.c.from_units,
            interval.c.to_units,
            channel.c.tariff_id,
        )
        .join(channel, channel.c.id == interval.c.channel_id)
        .where(interval.c.run == run, interval.c.entry_seq.is_(None))
        .order_by(
            channel.c.payer_account,
            channel.c.payee_account,
            interval.c.channel_id,
            interval.c.from_amount,
        ),
        execution_options={"yield_per": 1000},
    )
    for (payer, payee), group in groupby(rows, key=lambda row: (row[0], row[1])):
        total = 0
        hashes = []
        for row in group:
            total += row.to_amount - row.from_amount
            hashes.append(merkle.leaf_hash(line_of(row, PAYER)))
        root = merkle.root_of_hashes(hashes)
        reference = f"{_reference(run)}{payer}:{payee}"
        yield _entry(reference, payer, payee, currency, total, at, root)


def advance(conn: Connection, run: int) -> int:
    """Move each channel's settled mark to the end of its interval; returns how many moved.

    The last step of a run's transaction, since it holds locks that raising a mark waits for.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(_LOCK_CHANNELS, {"run": run}).one()
    return conn.execute(_ADVANCE, {"run": run}).rowcount
