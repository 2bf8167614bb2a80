"""Where the gateway's database lies, and how its end is brought about at an exact place.

`Storage` is the seam: a folder here, a disk that can lose power elsewhere. `Traps` counts the
statements and commits of one engine and ends the process at one of them, without the gateway
knowing of it.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, event

from gateway.store.engine import Store, open_engine, open_store

POINTS = ("execute", "before_commit", "after_commit")
"""Where a trap can be set: before a statement, before a commit, after one."""


class Crash(BaseException):
    """kill -9: not an Exception, since nothing survives to catch it."""


class Storage(Protocol):
    """A database file on something that may fail."""

    def url(self) -> str:
        """Its URL, for `open_engine`."""

    def read(self) -> sqlite3.Connection:
        """A connection to what is durable now, for reading."""

    def lose_power(self) -> bool:
        """Lose what is not synced, if this can; whether it did."""

    def fail(self, what: str, after: int) -> bool:
        """Let the `write` or `sync` after so many more fail, if this can; whether it will."""

    def failed(self) -> int:
        """How many writes or syncs have failed so far."""

    def mend(self) -> None:
        """Let nothing fail any more."""

    def close(self) -> None:
        """Give everything back."""


@cache
def empty_database() -> bytes:
    """A SQLite database file with this program's schema and nothing in it."""
    folder = Path(tempfile.mkdtemp(prefix="tallystick-world-"))
    try:
        path = folder / "gateway.db"
        open_store(f"sqlite:///{path}", upgrade=True).close()
        return path.read_bytes()
    finally:
        shutil.rmtree(folder)


class FolderStorage:
    """A database in a folder of its own, in memory where the system offers that."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "gateway.db"
        self._path.write_bytes(empty_database())

    def url(self) -> str:
        """Its URL."""
        return f"sqlite:///{self._path}"

    def read(self) -> sqlite3.Connection:
        """A connection for reading."""
        return sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)

    def lose_power(self) -> bool:
        """A folder loses nothing."""
        return False

    def fail(self, what: str, after: int) -> bool:
        """A folder does not fail."""
        return False

    def failed(self) -> int:
        """None ever."""
        return 0

    def mend(self) -> None:
        """There is nothing to mend."""

    def close(self) -> None:
        """The folder is its owner's to remove."""


class Traps:
    """What is to happen at the nth statement or commit of one engine. `committed` is called
    after each commit."""

    def __init__(self, engine: Engine, committed: Callable[[], None]) -> None:
        self._committed = committed
        self._point = ""
        self._left = 0
        self._between: Callable[[], None] | None = None
        self._between_left = 0
        event.listen(engine, "before_cursor_execute", self._execute)
        # Before the store's own listener, which takes the lock.
        event.listen(engine, "begin", self._begin, insert=True)
        dialect: Any = engine.dialect
        commit = dialect.do_commit

        def do_commit(connection: Any) -> None:
            self._count("before_commit")
            commit(connection)
            self._committed()
            self._count("after_commit")

        dialect.do_commit = do_commit

    def set(self, point: str, after: int) -> None:
        """End the process at `point`, after so many of its kind more have passed."""
        if point not in POINTS:
            raise ValueError(f"point: must be one of {', '.join(POINTS)}, not {point}")
        self._point = point
        self._left = after + 1

    def between(self, after: int, act: Callable[[], None]) -> None:
        """Do something before a transaction begins, after so many more have begun."""
        self._between = act
        self._between_left = after + 1

    def clear(self) -> None:
        """Let nothing happen."""
        self._point = ""
        self._between = None

    @property
    def point(self) -> str:
        """The point that a trap is set at, empty if none is."""
        return self._point

    def _count(self, point: str) -> None:
        if self._point == point:
            self._left -= 1
            if self._left == 0:
                self._point = ""
                raise Crash(point)

    def _execute(self, *_given: Any) -> None:
        self._count("execute")

    def _begin(self, _conn: Any) -> None:
        if self._between is not None:
            self._between_left -= 1
            if self._between_left == 0:
                act, self._between = self._between, None
                act()


def open_trapped(
    storage: Storage, clock: Callable[[], int], committed: Callable[[], None]
) -> tuple[Store, Traps]:
    """A store as a process opens it, and the traps in it."""
    engine = open_engine(storage.url())
    return Store(engine, clock), Traps(engine, committed)
