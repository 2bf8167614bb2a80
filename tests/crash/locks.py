"""Meetings of two transactions on PostgreSQL, at a statement that a test names."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine, event

_LOOKS = 1000
_PAUSE = 0.01


def wait_for_a_lock(url: str) -> None:
    """Return once a connection to this database waits for a lock that another one has."""
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with psycopg.connect(url, autocommit=True) as looking:
        for _ in range(_LOOKS):
            row = looking.execute(query).fetchone()
            if row is not None and row[0]:
                return
            time.sleep(_PAUSE)
    raise AssertionError("nobody waits for a lock")


@contextmanager
def met(engine: Engine, url: str, statement: str, other: Callable[[], object]) -> Iterator[None]:
    """What this thread does in here is met: after its first statement that begins so, `other` is
    done in a thread of its own, and this one goes on when that one waits for its locks.

    On leaving both have ended; what `other` raised is raised, as is that the statement never came.
    """
    this, begun = threading.get_ident(), threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            other()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)

    def after(_conn: Connection, _cursor: object, text: str, *_given: object) -> None:
        if threading.get_ident() == this and text.startswith(statement) and not begun.is_set():
            begun.set()
            thread.start()
            wait_for_a_lock(url)

    event.listen(engine, "after_cursor_execute", after)
    try:
        yield
    finally:
        event.remove(engine, "after_cursor_execute", after)
        if begun.is_set():
            thread.join(60)
    if not begun.is_set():
        raise AssertionError(f"no statement begins {statement!r}")
    if failed:
        raise failed[0]
