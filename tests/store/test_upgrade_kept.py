"""An upgrade keeps every row, also of tables that SQLite makes anew while others refer to them."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from gateway.operations import audit as operations
from gateway.store import audit, migrations
from gateway.store.engine import open_engine, open_store

_ROWS = (
    "INSERT INTO account VALUES ('ant', 'Ant', 'EUR', 6, 0, 'active', 1)",
    "INSERT INTO run (number, currency, scale, state, period_start, period_end, journal_head)"
    " VALUES (7, 'EUR', 6, 'completed', 1, 2, {zeros})",
    "INSERT INTO position (run, account, debits, credits, carried, net, funds)"
    " VALUES (7, 'ant', 5, 2, 1, 4, 3)",
    "INSERT INTO statement (run, account, message) VALUES (7, 'ant', {zeros})",
    "INSERT INTO instruction (id, run, account_id, direction, amount, currency, rail, reference,"
    " destination, state, note)"
    " VALUES ('run-7-ant', 7, 'ant', 'collect', 4, 'EUR', 'manual', 'run-7-ant', '{{}}',"
    " 'pending', '')",
    "INSERT INTO notice (kind, run) VALUES ('run', 7)",
)


def test_runs_and_what_refers_to_them_are_kept(database_url: str) -> None:
    engine = open_engine(database_url)
    sqlite = engine.dialect.name == "sqlite"
    zeros = "zeroblob(32)" if sqlite else "decode(repeat('00', 32), 'hex')"
    with engine.execution_options(tally_write=True).begin() as conn:
        migrations.upgrade_in(conn, "0010")
        for row in _ROWS:
            conn.execute(text(row.format(zeros=zeros)))
    engine.dispose()
    store = open_store(database_url, upgrade=True)
    with store.read() as conn:
        assert conn.execute(text("SELECT number, state FROM run")).all() == [(7, "completed")]
        assert conn.execute(text("SELECT fees, net, instructed FROM position")).all() == [(0, 4, 1)]
        for table in ("statement", "instruction", "notice"):
            assert conn.execute(text(f"SELECT run FROM {table}")).all() == [(7,)]
        if sqlite:
            assert conn.execute(text("PRAGMA foreign_key_check")).all() == []
    with pytest.raises(IntegrityError), store.write() as conn:
        conn.execute(text("UPDATE statement SET run = 8"))
    with pytest.raises(DBAPIError), store.write() as conn:
        conn.execute(text("DELETE FROM run"))
    store.close()


def test_records_of_the_audit_log_are_kept_and_can_be_erased(database_url: str) -> None:
    engine = open_engine(database_url)
    zeros = "zeroblob(32)" if engine.dialect.name == "sqlite" else "decode(repeat('00', 32), 'hex')"
    with engine.execution_options(tally_write=True).begin() as conn:
        migrations.upgrade_in(conn, "0026")
        for seq in (1, 2):
            conn.execute(
                text(
                    f"INSERT INTO audit VALUES ({seq}, 5, 'token:a', 'run.begin', '7',"
                    f" '', '{{}}', 'due', {zeros})"
                )
            )
    engine.dispose()
    store = open_store(database_url, upgrade=True)
    with store.read() as conn:
        found = [record for _seq, record, _hash in audit.records(conn)]
    assert [(record.at, record.who) for record in found] == [(5, "token:a")] * 2
    assert {record.details.why for record in found if record.details} == {"due"}
    with store.write() as conn:
        assert audit.erase(conn, audit.table.c.seq == 1) == 1
    checked = operations.verify(store)
    assert (checked.count, checked.erased, checked.wrong) == (2, 1, "")
    store.close()
