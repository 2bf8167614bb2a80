"""Queries on two-phase postings: reserving an entry, then posting or voiding it, once.

Callers take the journal's lock first, as for `journal.append`; each function here takes it too.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from gateway.ledger import pending as rules
from gateway.ledger import states
from gateway.ledger.entry import Entry, Posting
from gateway.ledger.pending import Balance
from gateway.store import journal
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base
from gateway.store.tables_funds import Pending as _PendingTable  # noqa: F401  (registers the tables)

table = Base.metadata.tables["pending"]
lines = Base.metadata.tables["pending_posting"]


def reserve(conn: Connection, entry: Entry) -> int:
    """Keep an entry as pending and return its id; `entry.at` is when it was reserved.

    One whose reference is pending or decided already is not reserved again, and its id is returned;
    Conflict if that one has other postings, or if the journal has its reference.
    """
    journal.lock(conn)
    known = conn.execute(
        select(table.c.id).where(table.c.reference == entry.reference)
    ).scalar_one_or_none()
    if known is not None:
        if _postings(conn, known) != entry.postings:
            raise Conflict(f"entry {entry.reference}: reserved before with other postings")
        return int(known)
    if journal.find(conn, entry.reference) is not None:
        raise Conflict(f"entry {entry.reference}: is posted already")
    id_ = int(conn.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()) + 1
    # The lines first: the database refuses what they do not balance, and lines that come later.
    conn.execute(
        insert(lines),
        [{"pending_id": id_, **line} for line in journal.line_values(entry)],
    )
    conn.execute(
        insert(table).values(
            id=id_,
            kind=entry.kind,
            reference=entry.reference,
            memo=entry.memo,
            state="pending",
            created_at=entry.at,
        )
    )
    return id_


def post(conn: Connection, id_: int, at: int) -> int:
    """Post a pending entry at Unix second `at`; the number of its journal entry.

    One that is posted stays as it is. Raises NotFound, IllegalMove if it is voided, Conflict as
    `journal.append` does.
    """
    journal.lock(conn)
    row = get(conn, id_)
    if row.state == "posted":
        return int(row.entry_seq)
    state = states.move(states.PENDING, row.state, "posted")
    seq = journal.append(conn, rules.posted(_entry(conn, row), at))
    conn.execute(
        update(table).where(table.c.id == id_).values(state=state, decided_at=at, entry_seq=seq)
    )
    return seq


def void(conn: Connection, id_: int, at: int) -> None:
    """Give up a pending entry at Unix second `at`: what it held is free again.

    One that is voided stays as it is. Raises NotFound, IllegalMove if it is posted.
    """
    journal.lock(conn)
    row = get(conn, id_)
    if row.state == "voided":
        return
    state = states.move(states.PENDING, row.state, "voided")
    conn.execute(update(table).where(table.c.id == id_).values(state=state, decided_at=at))


def get(conn: Connection, id_: int) -> Row[Any]:
    """One pending entry's row, decided or not. Raises NotFound."""
    row = conn.execute(select(table).where(table.c.id == id_)).one_or_none()
    if row is None:
        raise NotFound(f"pending entry {id_}: unknown")
    return row


def find(conn: Connection, reference: str) -> Row[Any] | None:
    """The row of this reference; None if there is none."""
    return conn.execute(select(table).where(table.c.reference == reference)).one_or_none()


def _postings(conn: Connection, id_: int) -> tuple[Posting, ...]:
    rows = conn.execute(select(lines).where(lines.c.pending_id == id_).order_by(lines.c.line))
    return tuple(Posting(row.account, row.currency, int(row.amount)) for row in rows)


def _entry(conn: Connection, row: Row[Any]) -> Entry:
    return Entry(row.kind, row.reference, row.created_at, _postings(conn, row.id), row.memo)


def balance(conn: Connection, account: str, currency: str) -> Balance:
    """One ledger account's balance with what is pending on it."""
    rows: Sequence[Row[Any]] = conn.execute(
        select(lines.c.amount)
        .join(table, table.c.id == lines.c.pending_id)
        .where(lines.c.account == account, lines.c.currency == currency, table.c.state == "pending")
    ).all()
    waiting = (Posting(account, currency, int(row.amount)) for row in rows)
    return rules.balance(journal.balance(conn, account, currency), waiting)


def debits(conn: Connection, prefix: str, currency: str) -> dict[str, int]:
    """The pending debits of each ledger account whose name begins so, of those that have any."""
    rows = conn.execute(
        select(lines.c.account, func.sum(lines.c.amount))
        .join(table, table.c.id == lines.c.pending_id)
        .where(
            table.c.state == "pending",
            lines.c.account.startswith(prefix, autoescape=True),
            lines.c.currency == currency,
            lines.c.amount > 0,
        )
        .group_by(lines.c.account)
    )
    return {account: int(total) for account, total in rows}
