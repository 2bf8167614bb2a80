"""Which errors of a database pass by themselves, and doing a piece of work again until they have.

Only whole transactions are repeated, and only work that has the same end however often it is
done: after a lost reply to COMMIT nobody knows whether it took place.
"""

import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
# PostgreSQL's classes and codes: connections, resources (no room, too many clients), a server that
# ends or starts, failed serializations and deadlocks, locks that were not to be had.
_PASSING = ("08", "53", "57P01", "57P02", "57P03", "40001", "40P01", "55P03")
# A lock, or no descriptor left to open it with.
_SQLITE_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN)

_Result = TypeVar("_Result")


def passes(error: DBAPIError) -> bool:
    """Whether this may be over in a moment: a lost connection, a deadlock, a lock, no room.

    An error that says that a file of SQLite could not be read, written or synced never is, since
    what is on the disk is unknown then.
    """
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", None) or 0
        return code & 0xFF in _SQLITE_PASSING
    if error.connection_invalidated:
        return True
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is None:
        # Psycopg's, when the server was not reached or said nothing more.
        return type(error.orig).__name__ == "OperationalError"
    return state.startswith(_PASSING)


def patiently(
    work: Callable[[], _Result],
    pause: Callable[[float], bool],
    forget: Callable[[], None],
    clock: Callable[[], float] = time.monotonic,
) -> _Result:
    """Do a piece of work; while errors that pass end it, again, for at most PATIENCE_SECONDS.

    `pause` waits so many seconds and returns true to give up; `forget` is called before each new
    try, to drop whatever was believed of the database. Raises the last error.
    """
    until = clock() + PATIENCE_SECONDS
    wait = _FIRST_PAUSE
    while True:
        try:
            return work()
        except DBAPIError as error:
            if not passes(error) or clock() >= until or pause(wait):
                raise
            log.warning("the database is away, trying again", error=type(error.orig).__name__)
            wait = min(2 * wait, _LONGEST_PAUSE)
            forget()
