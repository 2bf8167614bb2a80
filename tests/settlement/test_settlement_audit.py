"""The audit finds what somebody with access to the database has changed."""

from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.settlement.instructions import record_outcome, submit_pending
from gateway.settlement.rails.manual import ManualRail
from gateway.settlement.run import run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store.engine import Store, open_store
from protocol.hashchain import Chain
from tests.settlement.fleet import GATEWAY, Fleet
from tests.store.migrated import migrated


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("UPDATE entry SET memo = 'other' WHERE seq = 2", "entry 2"),
        ("UPDATE posting SET amount = 2 * amount WHERE entry_seq = 3", "entry 3"),
        ("UPDATE posting SET amount = amount + 1 WHERE entry_seq = 1 AND line = 0", "journal EUR"),
        ("DELETE FROM posting WHERE entry_seq = 2", "entry 2"),
        ("UPDATE balance SET amount = 1 WHERE account = 'settling:ant'", "balance settling:ant"),
        ("UPDATE channel SET amount = 2 * amount", "channel"),
        ("UPDATE channel SET units = units + 1", "channel"),
        ("UPDATE channel SET settled_amount = 0", "channel"),
        ("UPDATE channel SET open_message = iou", "channel"),
        ("UPDATE device SET public_key = zeroblob(32) WHERE account_id = 'ant'", "channel"),
        ("UPDATE interval SET from_units = 1 WHERE from_units = 0", "channel"),
        ("UPDATE interval SET iou = (SELECT open_message FROM channel) WHERE run = 1", "channel"),
        ("UPDATE interval SET iou = (SELECT iou FROM interval WHERE run = 2)", "channel"),
        ("DELETE FROM interval WHERE run = 2", "entry 5"),
        ("UPDATE interval SET entry_seq = NULL WHERE run = 2", "interval"),
        ("UPDATE position SET debits = 1, net = 1 - credits WHERE account = 'ant'", "position 1"),
        ("UPDATE interval SET fee = 1 WHERE run = 1", "position 1 bee"),
        ("UPDATE tariff SET fee_fixed = 1, fee_account = 'cat'", "entry"),
        ("UPDATE position SET fees = 1, net = net + 1, instructed = instructed + 1", "position"),
        ("UPDATE position SET instructed = 0", "position 1"),
        ("DELETE FROM statement WHERE run = 1", "statement"),
        ("UPDATE statement SET message = (SELECT max(message) FROM statement)", "statement 1"),
        ("UPDATE instruction SET state = 'submitted' WHERE run = 1", "instruction run-1-ant"),
        ("UPDATE run SET journal_head = zeroblob(32)", "statement 1 ant"),
        ("UPDATE run SET period_end = period_end + 1 WHERE number = 2", "run 2"),
        ("UPDATE run SET message = NULL WHERE number = 2", "run 2"),
        ("UPDATE run SET message = (SELECT message FROM run WHERE number = 1)", "run 2"),
    ],
)
@pytest.mark.threat("O9")
def test_each_alteration_is_found_and_named(tmp_path: Path, change: str, where: str) -> None:
    """O9."""
    store = open_store(migrated(tmp_path / "books.db"))
    _two_runs(store, tmp_path)
    assert verify_books(store, GATEWAY.public).ok
    with store.engine.connect() as conn:
        conn.exec_driver_sql("ROLLBACK")  # foreign keys can only be turned off outside of one
        conn.exec_driver_sql("PRAGMA foreign_keys=OFF")
        conn.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
        conn.exec_driver_sql("BEGIN IMMEDIATE")
        for table in ("entry", "posting"):
            for event in ("update", "delete"):
                conn.execute(text(f"DROP TRIGGER {table}_no_{event}"))
        assert conn.exec_driver_sql(change).rowcount > 0
        conn.commit()
    report = verify_books(store, GATEWAY.public)
    store.close()
    assert any(found.where.startswith(where) for found in report.discrepancies), report


def _two_runs(store: Store, folder: Path) -> None:
    fleet = Fleet(store)
    channel_id = fleet.open("ant", "bee")
    fleet.mark(channel_id, 5)
    run_settlement(store, "EUR", GATEWAY.sign, "manual")
    submit_pending(store, ManualRail(folder))
    with store.write() as conn:
        record_outcome(conn, "run-1-ant", "done", "", 9)
    fleet.mark(channel_id, 8)
    run_settlement(store, "EUR", GATEWAY.sign, "manual")


@pytest.mark.threat("O9", "G1")
def test_another_gateways_key_proves_nothing(store: Store, tmp_path: Path) -> None:
    _two_runs(store, tmp_path)
    report = verify_books(store, bytes(32))
    assert {found.where for found in report.discrepancies} == {
        f"statement {run} {name}" for run in (1, 2) for name in ("ant", "bee")
    } | {"run 1", "run 2"}
    assert (report.entries, report.channels, report.statements) == (7, 1, 4)


@pytest.mark.threat("O9")
def test_a_mark_that_ticks_made_is_proven_by_its_preimage(store: Store) -> None:
    fleet = Fleet(store)
    channel_id = fleet.open("ant", "bee")
    chain = Chain(b"s" * 32, 9)
    fleet.mark_by_tick(channel_id, 5, chain, 3)
    assert verify_books(store, GATEWAY.public).ok
    for column, value in (("tick_index", 2), ("tick_index", 10), ("tick_preimage", bytes(32))):
        with store.write() as conn:
            before = conn.execute(text(f"SELECT {column} FROM channel")).scalar_one()
            conn.execute(text(f"UPDATE channel SET {column} = :value"), {"value": value})
        report = verify_books(store, GATEWAY.public)
        assert [found.where for found in report.discrepancies] == [f"channel {channel_id.hex()}"]
        with store.write() as conn:
            conn.execute(text(f"UPDATE channel SET {column} = :value"), {"value": before})
