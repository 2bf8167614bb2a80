"""Opens the database and hands out transactions; decides durability and isolation.

SQLite: WAL, `synchronous=FULL`, foreign keys on, all read back and refused if not so, and explicit
`BEGIN` (readers) or `BEGIN IMMEDIATE` (writers), since the driver begins none before a SELECT.
PostgreSQL: psycopg 3 at READ COMMITTED; queries that need more take row locks and say so.
No query of the application may live here.
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.store import last, migrations
from gateway.store.errors import NotDurable, StoreError
from gateway.store.resync import write_log_again

Clock = Callable[[], int]

GATEWAY = "gateway"
"""Who acts where nobody asked for it: a schedule, a device, a rail."""

_BUSY_MILLISECONDS = 10_000
# name, statement, value that must be read back
_PRAGMAS: tuple[tuple[str, str, object], ...] = (
    ("busy_timeout", f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}", _BUSY_MILLISECONDS),
    ("journal_mode", "PRAGMA journal_mode=WAL", "wal"),
    ("synchronous", "PRAGMA synchronous=FULL", 2),
    ("foreign_keys", "PRAGMA foreign_keys=ON", 1),
)

# In KiB: channels are stored by hash, so that a run over many of them touches pages everywhere.
_CACHE = "PRAGMA cache_size=-65536"

_NOW = {
    "sqlite": text("SELECT CAST(strftime('%s', 'now') AS INTEGER)"),
    "postgresql": text("SELECT CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT)"),
}


class Store:
    """A database that is open; the transactions of every use case come from here.

    `by` is the principal who acts in them; the gateway does by itself what nobody asked for.
    `random_bytes` makes what nobody may guess.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock | None = None,
        by: str = GATEWAY,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.engine = engine
        self.by = by
        self._clock = clock
        self._random_bytes = random_bytes
        self._writer = engine.execution_options(tally_write=True)
        # One snapshot for the whole transaction, as SQLite gives by itself.
        self._reader = (
            engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            if engine.dialect.name == "postgresql"
            else engine
        )

    def acting(self, by: str) -> "Store":
        """The same database, for what this principal does."""
        return Store(self.engine, self._clock, by, self._random_bytes)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One write transaction: committed at the end, rolled back by any exception."""
        with self._writer.begin() as conn:
            last.begin(conn, self.by, self._random_bytes)
            yield conn
            last.finish(conn, self.now)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One read transaction on one snapshot; rolled back at the end, so it changes nothing."""
        with self._reader.connect() as conn:
            yield conn

    def now(self, conn: Connection) -> int:
        """Unix seconds by the database's clock, or by the clock that the store was given."""
        if self._clock is not None:
            return self._clock()
        return int(conn.execute(_NOW[conn.dialect.name]).scalar_one())

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def assert_durable(dbapi_connection: sqlite3.Connection) -> None:
    """Set the pragmas of a SQLite connection and read each one back.

    Raises NotDurable naming the pragma that did not take (an in-memory database has no WAL).
    """
    for name, statement, wanted in _PRAGMAS:
        dbapi_connection.execute(statement).close()
        got = dbapi_connection.execute(f"PRAGMA {name}").fetchone()
        if got is None or got[0] != wanted:
            raise NotDurable(f"SQLite pragma {name} must be {wanted!r}, but reads {got!r}")


def _prepare_sqlite(dbapi_connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    driver: Any = dbapi_connection
    driver.isolation_level = None  # the driver's own, partial transactions off
    assert_durable(driver)
    driver.execute(_CACHE).close()


def _begin_sqlite(conn: Connection) -> None:
    write = conn.get_execution_options().get("tally_write", False)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql://...`, without looking at its schema.

    Raises StoreError if the URL is of another kind, NotDurable at first connection.
    """
    try:
        parsed: URL = make_url(url)
    except ArgumentError as error:
        raise StoreError("database URL: expected sqlite:///PATH or postgresql://...") from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise NotDurable("database URL: sqlite needs a file, sqlite:///PATH")
        engine = create_engine(
            parsed, connect_args={"check_same_thread": False}, hide_parameters=True
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if backend in ("postgresql", "postgres"):
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            hide_parameters=True,  # what is stored does not get into errors, and so into logs
        )
    raise StoreError(f"database URL: {backend} is not supported, use sqlite or postgresql")


def open_store(url: str, *, clock: Clock | None = None, upgrade: bool = False) -> Store:
    """Open a database whose schema fits this program, upgrading an older one if told to.

    What SQLite's log holds is made durable first (`resync`).

    Raises SchemaMismatch if the schema is newer (always) or older (unless `upgrade`), NotDurable
    if SQLite does not take the settings that durability needs, StoreError for a bad URL.
    """
    engine = open_engine(url)
    try:
        write_log_again(engine)
        if upgrade:
            migrations.upgrade(engine)
        migrations.check(engine)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine, clock)
