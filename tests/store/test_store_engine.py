"""Opening a database: durability, schema versions, and an append-only journal."""

import os
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CheckConstraint

from gateway.ledger.entry import Entry, Posting
from gateway.store import journal, meta, migrations
from gateway.store.engine import Store, assert_durable, open_engine, open_store
from gateway.store.errors import Conflict, NotDurable, SchemaMismatch, StoreError
from gateway.store.tables import Base

ENTRY = Entry("x", "r", 1, (Posting("payer:a", "EUR", 5), Posting("payee:b", "EUR", -5)))


@pytest.mark.threat("C3")
def test_sqlite_settings_are_asserted(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'a.db'}", upgrade=True)
    with store.read() as conn:
        got = [
            conn.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert got == ["wal", 2, 1]
    with pytest.raises(NotDurable, match="journal_mode"):
        assert_durable(sqlite3.connect(":memory:"))
    for url in ("sqlite://", "sqlite:///:memory:"):
        with pytest.raises(NotDurable):
            open_engine(url)


@pytest.mark.threat("C4")
def test_what_another_process_left_in_the_log_is_synced_before_it_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were its sync the one that failed, a later one would not put it on the disk."""
    path = tmp_path / "a.db"
    open_store(f"sqlite:///{path}", upgrade=True).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("INSERT INTO meta (key, value) VALUES ('left', 'behind')")
    log = path.with_name("a.db-wal")
    left = log.read_bytes()
    synced = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        where = Path(f"/proc/self/fd/{handle}").readlink()
        synced.append((where, log.read_bytes() == left))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    store = open_store(f"sqlite:///{path}")
    assert synced == [(log, True)]
    with store.read() as conn:
        assert meta.get(conn, "left") == "behind"
    store.close()
    other.close()


@pytest.mark.parametrize("url", ["mysql://x/y", "no url", "sqlite+nothing:/x"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(StoreError):
        open_engine(url)


def test_a_second_sqlite_writer_waits_and_readers_see_the_last_commit(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    store = open_store(url, upgrade=True)
    with store.write() as conn:
        journal.append(conn, ENTRY)
        with store.read() as reader:
            assert journal.head(reader)[0] == 0
        other = sqlite3.connect(tmp_path / "a.db", timeout=0.01, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")


def test_an_exception_rolls_the_transaction_back(store: Store) -> None:
    def write_and_fail() -> None:
        with store.write() as conn:
            journal.append(conn, ENTRY)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with store.read() as conn:
        assert journal.head(conn) == (0, bytes(32))


def test_migrations_make_the_schema_that_the_tables_declare(store: Store) -> None:
    with store.read() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert _checks_in_database(conn) == {
            (table.name, constraint.name)
            for table in Base.metadata.tables.values()
            for constraint in table.constraints
            if isinstance(constraint, CheckConstraint)
        }


def _checks_in_database(conn: Connection) -> set[tuple[str, str | None]]:
    inspector = inspect(conn)
    return {
        (table, check["name"])
        for table in inspector.get_table_names()
        for check in inspector.get_check_constraints(table)
    }


def test_upgrade_of_an_upgraded_database_changes_nothing(database_url: str) -> None:
    open_store(database_url, upgrade=True).close()
    open_store(database_url, upgrade=True).close()
    open_store(database_url).close()


@pytest.mark.threat("C12")
def test_an_empty_or_older_database_is_refused_unless_upgraded(database_url: str) -> None:
    with pytest.raises(SchemaMismatch, match="upgrade"):
        open_store(database_url)


@pytest.mark.threat("C12")
def test_a_newer_database_is_refused_and_left_alone(database_url: str) -> None:
    store = open_store(database_url, upgrade=True)
    with store.write() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    for upgrade in (False, True):
        with pytest.raises(SchemaMismatch, match="9999"):
            open_store(database_url, upgrade=upgrade)


def test_each_version_of_the_schema_follows_the_last_in_the_order_of_their_numbers() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    chain = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert migrations.versions() == chain[::-1]


@pytest.mark.threat("C12")
def test_a_migration_that_is_cut_off_leaves_the_old_schema(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C12."""
    engine = open_engine(database_url)
    upgrade = command.upgrade

    def cut(*arguments: object) -> None:
        upgrade(*arguments)  # type: ignore[arg-type]
        raise InterruptedError

    monkeypatch.setattr(command, "upgrade", cut)
    with pytest.raises(InterruptedError):
        migrations.upgrade(engine)
    monkeypatch.undo()
    with engine.connect() as conn:
        assert inspect(conn).get_table_names() == []
    engine.dispose()
    open_store(database_url, upgrade=True).close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET memo = 'other'",
        "DELETE FROM entry",
        "UPDATE posting SET amount = amount + 1",
        "DELETE FROM posting",
    ],
)
@pytest.mark.threat("O9")
def test_the_journal_refuses_update_and_delete(store: Store, statement: str) -> None:
    """O9."""
    with store.write() as conn:
        journal.append(conn, ENTRY)
    with pytest.raises(DBAPIError, match="append-only"), store.write() as conn:
        conn.execute(text(statement))


def test_entries_come_back_as_they_were_appended(store: Store) -> None:
    other = Entry("x", "s", 2, (Posting("b", "USD", 7), Posting("a", "USD", -7)), "memo")
    with store.write() as conn:
        assert [journal.append(conn, each) for each in (ENTRY, other, ENTRY)] == [1, 2, 1]
    with store.read() as conn:
        stored = list(journal.entries(conn))
        assert [entry for _, entry, _ in stored] == [ENTRY, other]
        assert journal.head(conn) == (2, stored[-1][2])
        assert [seq for seq, _, _ in journal.entries(conn, after=1, limit=5)] == [2]
        assert journal.balance(conn, "payer:a", "EUR") == 5
        assert journal.totals(conn) == {"EUR": 0, "USD": 0}


@pytest.mark.threat("G2")
def test_a_reference_is_never_posted_twice_with_other_amounts(store: Store) -> None:
    changed = Entry("x", "r", 1, (Posting("payer:a", "EUR", 6), Posting("payee:b", "EUR", -6)))
    with store.write() as conn:
        journal.append(conn, ENTRY)
    with pytest.raises(Conflict), store.write() as conn:
        journal.append(conn, changed)


def test_a_balance_never_overflows(store: Store) -> None:
    big = 2**63 - 1
    postings = (Posting("payer:a", "EUR", big), Posting("payee:b", "EUR", -big))
    with store.write() as conn:
        journal.append(conn, Entry("x", "r", 1, postings))
    with pytest.raises(Conflict, match="2\\^63"), store.write() as conn:
        journal.append(conn, Entry("x", "s", 1, postings))


def test_the_clock_is_the_databases_or_the_one_given(store: Store) -> None:
    with store.read() as conn:
        assert store.now(conn) > 1_700_000_000
        assert Store(store.engine, clock=lambda: 7).now(conn) == 7
