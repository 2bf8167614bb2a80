"""Brings a database's schema to the version of this program, or says why not.

The steps themselves are in `versions/`, one file each, never edited once released. A SQLite
migration, and a PostgreSQL one, is one transaction: the schema is the old one or the new one.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from gateway.store.errors import SchemaMismatch


def _config() -> Config:
    config = Config()
    # A "%" in the path of an installation would be read as an interpolation.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def head() -> str:
    """The schema version that this program needs."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        raise SchemaMismatch("this installation holds no migrations; install it again")
    return found


def current(conn: Connection) -> str | None:
    """The schema version of a database; None if it is empty."""
    return MigrationContext.configure(conn).get_current_revision()


def _refuse_newer(found: str | None) -> None:
    if found is None:
        return
    try:
        ScriptDirectory.from_config(_config()).get_revision(found)
    except CommandError as error:
        raise SchemaMismatch(
            f"database schema {found} is unknown to this program, which needs {head()}: "
            "install the newer version of the program that wrote it"
        ) from error


def upgrade(engine: Engine) -> None:
    """Upgrade an empty or older database, all steps in one transaction.

    Two programs may try at once: the second waits, and finds nothing left to do. Raises
    SchemaMismatch if the database is newer than the program.
    """
    with engine.execution_options(tally_write=True).begin() as conn:
        upgrade_in(conn)


def upgrade_in(conn: Connection, revision: str = "head") -> None:
    """As `upgrade`, in a transaction that does more, and only up to a revision.

    Raises SchemaMismatch if the database or the revision is newer than the program.
    """
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('tallystick schema'))")
    _refuse_newer(current(conn))
    if revision != "head":
        _refuse_newer(revision)
    config = _config()
    config.attributes["connection"] = conn
    command.upgrade(config, revision)


def check(engine: Engine) -> None:
    """Raise SchemaMismatch unless the schema is exactly the one this program needs."""
    with engine.connect() as conn:
        found = current(conn)
    _refuse_newer(found)
    if found != head():
        raise SchemaMismatch(
            f"database schema {found or 'empty'} is older than {head()}: upgrade it first"
        )
