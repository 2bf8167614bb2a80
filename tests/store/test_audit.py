"""The audit log: in the transaction that it tells of, in order, never changed unseen."""

import json

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gateway.ledger import audit as rule
from gateway.ledger import chain
from gateway.operations import audit as operations
from gateway.settlement.verify_books import verify_books
from gateway.store import audit
from gateway.store.engine import Store
from tests.verify.keys import gateway_keys


def _record(store: Store, count: int = 3) -> None:
    for number in range(count):
        with store.acting("token:abc").write() as conn:
            audit.record(
                conn, "device.suspend", f"device {number}", before={"n": 1}, after=None, why="x"
            )


def _without_triggers(store: Store, statement: str) -> None:
    """What somebody does who holds the database."""
    with store.write() as conn:
        if conn.dialect.name == "sqlite":
            conn.execute(text("DROP TRIGGER audit_no_update"))
            conn.execute(text("DROP TRIGGER audit_no_delete"))
        else:
            conn.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        conn.execute(text(statement))


def test_a_record_says_who_did_what_and_follows_the_one_before(store: Store) -> None:
    _record(store, 2)
    with store.write() as conn:
        audit.record(conn, "run.begin", "1")
    with store.read() as conn:
        found = list(audit.records(conn))
        assert audit.head(conn) == (3, found[-1][2])
    first, second, third = (record for _number, record, _hash in found)
    assert (first.who, first.action, first.subject) == ("token:abc", "device.suspend", "device 0")
    assert first.details is not None
    assert (first.details.why, first.details.after, third.who) == ("x", "", "gateway")
    assert json.loads(first.details.before) == {"n": 1}
    assert found[0][2] == rule.link(chain.START, first)
    assert found[1][2] == rule.link(found[0][2], second)


class _Undone(Exception):
    """Why a transaction was rolled back."""


def _undo(store: Store) -> None:
    with store.write() as conn:
        audit.record(conn, "run.begin", "1")
        raise _Undone


def test_what_was_not_done_is_not_recorded(store: Store) -> None:
    with pytest.raises(_Undone):
        _undo(store)
    with store.read() as conn:
        assert audit.head(conn) == (0, chain.START)


@pytest.mark.threat("O9")
@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'nobody'", "DELETE FROM audit"])
def test_o9_the_database_refuses_to_change_a_record(store: Store, statement: str) -> None:
    _record(store)
    with pytest.raises(DBAPIError, match="append-only"), store.write() as conn:
        conn.execute(text(statement))
    assert operations.verify(store).count == 3


@pytest.mark.threat("O9")
@pytest.mark.parametrize(
    ("statement", "holds", "wrong"),
    [
        ("UPDATE audit SET who = 'nobody' WHERE seq = 2", 1, "record 2 is not what its hash says"),
        ("UPDATE audit SET why = '' WHERE seq = 3", 2, "record 3 is not what its hash says"),
        ("UPDATE audit SET at = at + 1 WHERE seq = 1", 0, "record 1 is not what its hash says"),
        ("DELETE FROM audit WHERE seq = 2", 1, "record 2 is missing, the next is 3"),
        ("DELETE FROM audit WHERE seq = 1", 0, "record 1 is missing, the next is 2"),
    ],
)
def test_o9_the_first_record_that_was_altered_or_deleted_is_named(
    store: Store, statement: str, holds: int, wrong: str
) -> None:
    _record(store)
    _without_triggers(store, statement)
    found = operations.verify(store)
    assert (found.count, found.wrong) == (holds, wrong)
    report = verify_books(store, gateway_keys().public)
    assert [(each.where, each.what) for each in report.discrepancies] == [("audit log", wrong)]


@pytest.mark.threat("O9")
def test_o9_a_log_that_was_cut_off_or_written_anew_is_known_by_a_head_from_before(
    store: Store,
) -> None:
    _record(store)
    with store.read() as conn:
        signed = audit.head(conn)
    assert operations.verify(store, signed).wrong == ""
    _record(store, 1)
    assert operations.verify(store, signed).wrong == ""
    _without_triggers(store, "DELETE FROM audit WHERE seq > 1")
    assert operations.verify(store).wrong == ""
    assert operations.verify(store, signed).wrong == (
        "record 3 is missing: the log was cut off after 1"
    )
    _record(store, 5)
    assert operations.verify(store).wrong == ""
    assert "written anew" in operations.verify(store, signed).wrong


def test_records_are_listed_the_newest_first_and_filtered(store: Store) -> None:
    _record(store)
    with store.acting("shell:root").write() as conn:
        audit.record(conn, "run.begin", "1")

    def seqs(**which: int | str | None) -> list[int]:
        return [row.seq for row in operations.page(store, **which).items]  # type: ignore[arg-type]

    assert seqs() == [4, 3, 2, 1]
    assert seqs(before=3) == [2, 1]
    assert seqs(who="shell:root") == [4]
    assert seqs(action="device.suspend", subject="device 1") == [2]
    assert seqs(since=2**40) == seqs(until=5) == []
    assert seqs(since=5, until=2**40) == [4, 3, 2, 1]
