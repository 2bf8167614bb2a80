"""Brings a database's schema to the version of this program, or says why not.

The steps themselves are in `versions/`, one file each, never edited once released. A SQLite
migration, and a PostgreSQL one, is one transaction: the schema is the old one or the new one.
"""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from gateway.store.errors import SchemaMismatch

_FOLDER = Path(__file__).parent
_CURRENT = text("SELECT version_num FROM alembic_version")


def versions() -> list[str]:
    """The schema versions that this program knows, in their order."""
    found = sorted(
        path.name.partition("_")[0] for path in (_FOLDER / "versions").glob("[0-9]*_*.py")
    )
    if not found:
        raise SchemaMismatch("this installation holds no migrations; install it again")
    return found


def head() -> str:
    """The schema version that this program needs."""
    return versions()[-1]


def current(conn: Connection) -> str | None:
    """The schema version of a database; None if it is empty."""
    if not inspect(conn).has_table("alembic_version"):
        return None
    found = conn.execute(_CURRENT).scalar_one_or_none()
    return None if found is None else str(found)


def _refuse_newer(found: str | None) -> None:
    if found is not None and found not in versions():
        raise SchemaMismatch(
            f"database schema {found} is unknown to this program, which needs {head()}: "
            "install the newer version of the program that wrote it"
        )


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
    wanted = head() if revision == "head" else revision
    found = current(conn)
    _refuse_newer(found)
    _refuse_newer(wanted)
    if found == wanted:
        return
    # Imported here, since it takes an eighth of a command's start and almost none upgrades.
    from alembic import command
    from alembic.config import Config

    config = Config()
    # A "%" in the path of an installation would be read as an interpolation.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = conn
    command.upgrade(config, wanted)


def check(engine: Engine) -> None:
    """Raise SchemaMismatch unless the schema is exactly the one this program needs."""
    with engine.connect() as conn:
        found = current(conn)
    _refuse_newer(found)
    if found != head():
        raise SchemaMismatch(
            f"database schema {found or 'empty'} is older than {head()}: upgrade it first"
        )
