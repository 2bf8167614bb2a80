"""What a database says of how far its history has come, and which of two histories is longer.

All these figures only rise as long as a history is one: entries and channels are never deleted, and
no mark falls. So what has any of them higher knows something that the other does not.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select, text

from gateway.store import audit, fence, journal, migrations
from gateway.store.tables import Base

# In halves, since SQLite can't add beyond 2^63.
_SUMS = text(
    "SELECT count(*), sum(amount >> 32), sum(amount & 4294967295), sum(units >> 32),"
    " sum(units & 4294967295) FROM channel"
)


@dataclass(frozen=True, slots=True)
class Facts:
    """How far a database has come. `amount` and `units` are sums over all channels' marks,
    `made_at` is the database's time in Unix seconds, `journal_head` and `audit_head` 32 bytes, the
    last one empty where a backup is from before there was an audit log."""

    made_at: int
    schema: str
    generation: int
    journal_index: int
    journal_head: bytes
    channels: int
    amount: int
    units: int
    counts: dict[str, int]
    audit_index: int = 0
    audit_head: bytes = b""


def read(conn: Connection, now: int) -> Facts:
    """The facts of a database of this program's schema, on one snapshot."""
    index, head = journal.head(conn)
    audited, audit_head = audit.head(conn)
    count, high, low, units_high, units_low = conn.execute(_SUMS).one()
    return Facts(
        now,
        migrations.current(conn) or "",
        fence.number(conn),
        index,
        head,
        int(count),
        (int(high or 0) << 32) + int(low or 0),
        (int(units_high or 0) << 32) + int(units_low or 0),
        {
            table.name: int(conn.execute(select(func.count()).select_from(table)).scalar_one())
            for table in Base.metadata.sorted_tables
        },
        audited,
        audit_head,
    )


def newer_than(conn: Connection, now: int, other: Facts) -> list[str]:
    """What this database knows that `other` does not, in words; empty if nothing."""
    own = read(conn, now)
    found = [
        f"{name} {ours} > {theirs}"
        for name, ours, theirs in (
            ("generation", own.generation, other.generation),
            ("journal entries", own.journal_index, other.journal_index),
            ("audit records", own.audit_index, other.audit_index),
            ("channels", own.channels, other.channels),
            ("accepted amount", own.amount, other.amount),
            ("accepted units", own.units, other.units),
        )
        if ours > theirs
    ]
    if own.journal_index == other.journal_index and own.journal_head != other.journal_head:
        found.append("another history: its last journal entry is another one")
    return found
