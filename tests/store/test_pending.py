"""What the database refuses of entries and pending ones, and that a pending one ends once."""

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from gateway.ledger.entry import Entry, Posting
from gateway.ledger.pending import Balance
from gateway.ledger.states import IllegalMove
from gateway.store import journal, pending
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound

ENTRY = Entry(
    "withdrawal", "w:1", 1, (Posting("funds:a", "EUR", 5), Posting("rail:m", "EUR", -5)), "memo"
)
SQL = {
    "entry": "INSERT INTO entry (seq, kind, reference, at, memo, hash)"
    " VALUES (9, 'x', 'r', 1, '', '01234567890123456789012345678901')",
    "posting": "INSERT INTO posting VALUES (9, {line}, 'a', '{currency}', {amount})",
    "pending": "INSERT INTO pending (id, kind, reference, memo, state, created_at)"
    " VALUES (9, 'x', 'r', '', 'pending', 1)",
    "pending_posting": "INSERT INTO pending_posting"
    " VALUES (9, {line}, 'a', '{currency}', {amount})",
}
LINES = {"entry": "posting", "pending": "pending_posting"}
UNBALANCED = [
    [],
    [("EUR", 5)],
    [("EUR", 5), ("EUR", -4)],
    [("EUR", 5), ("USD", -5)],
    [("EUR", 5), ("EUR", -5), ("USD", 1)],
]


@pytest.mark.parametrize("whole", LINES)
@pytest.mark.parametrize("lines", UNBALANCED)
def test_the_database_refuses_what_does_not_balance(
    store: Store, whole: str, lines: list[tuple[str, int]]
) -> None:
    with pytest.raises(DBAPIError, match="balance in each currency"), store.write() as conn:
        _insert(conn, whole, lines)


def _insert(conn: Connection, whole: str, lines: list[tuple[str, int]]) -> None:
    for line, (currency, amount) in enumerate(lines):
        sql = SQL[LINES[whole]].format(line=line, currency=currency, amount=amount)
        conn.execute(text(sql))
    conn.execute(text(SQL[whole]))


@pytest.mark.parametrize("whole", LINES)
def test_the_database_takes_no_line_after_its_entry_and_none_without(
    store: Store, whole: str
) -> None:
    balanced = [("EUR", 5), ("EUR", -5), ("USD", -7), ("USD", 7)]
    with store.write() as conn:
        _insert(conn, whole, balanced)
    late = SQL[LINES[whole]].format(line=8, currency="EUR", amount=1)
    with pytest.raises(DBAPIError, match="complete"), store.write() as conn:
        conn.execute(text(late))
    orphan = late.replace("(9,", "(10,")
    with pytest.raises(DBAPIError), store.write() as conn:
        conn.execute(text(orphan))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM pending",
        "DELETE FROM pending_posting",
        "UPDATE pending_posting SET amount = amount + 1",
        "UPDATE pending SET memo = 'other'",
        "UPDATE pending SET state = 'voided', decided_at = 2, reference = 'other'",
        "UPDATE pending SET state = 'posted', decided_at = 2",
        "UPDATE pending SET state = 'gone', decided_at = 2",
    ],
)
def test_a_pending_entry_can_only_be_decided(store: Store, statement: str) -> None:
    with store.write() as conn:
        pending.reserve(conn, ENTRY)
    with pytest.raises(DBAPIError), store.write() as conn:
        conn.execute(text(statement))


def test_a_pending_entry_is_posted_once(store: Store) -> None:
    with store.write() as conn:
        id_ = pending.reserve(conn, ENTRY)
        assert pending.reserve(conn, ENTRY) == id_
        assert pending.balance(conn, "funds:a", "EUR") == Balance(0, 5, 0)
        assert journal.head(conn)[0] == 0
    with store.write() as conn:
        seq = pending.post(conn, id_, 7)
        assert pending.post(conn, id_, 8) == seq
        with pytest.raises(IllegalMove):
            pending.void(conn, id_, 9)
    with store.read() as conn:
        assert [(n, e.at, e.postings) for n, e, _ in journal.entries(conn)] == [
            (seq, 7, ENTRY.postings)
        ]
        assert pending.balance(conn, "funds:a", "EUR") == Balance(5, 0, 0)
        row = pending.get(conn, id_)
        assert (row.state, row.decided_at, row.entry_seq) == ("posted", 7, seq)
    with pytest.raises(DBAPIError, match="decided once"), store.write() as conn:
        conn.execute(text("UPDATE pending SET state = 'voided', entry_seq = NULL"))


def test_a_voided_entry_holds_nothing_and_stays_voided(store: Store) -> None:
    with store.write() as conn:
        id_ = pending.reserve(conn, ENTRY)
        pending.void(conn, id_, 7)
        pending.void(conn, id_, 8)
        with pytest.raises(IllegalMove):
            pending.post(conn, id_, 9)
    with store.read() as conn:
        assert pending.balance(conn, "funds:a", "EUR") == Balance()
        assert pending.get(conn, id_).decided_at == 7
        found = pending.find(conn, "w:1")
        assert found is not None and found.id == id_
        assert pending.find(conn, "w:2") is None
        assert journal.head(conn)[0] == 0


def test_a_reference_is_reserved_or_posted_once(store: Store) -> None:
    other = Entry("x", "w:1", 1, (Posting("funds:a", "EUR", 6), Posting("rail:m", "EUR", -6)))
    with store.write() as conn:
        pending.reserve(conn, ENTRY)
        with pytest.raises(Conflict, match="other postings"):
            pending.reserve(conn, other)
    posted = Entry("x", "w:2", 1, ENTRY.postings)
    with store.write() as conn:
        journal.append(conn, posted)
        with pytest.raises(Conflict, match="posted already"):
            pending.reserve(conn, posted)
        with pytest.raises(NotFound):
            pending.post(conn, 99, 1)
