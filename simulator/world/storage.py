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
from random import Random
from typing import Any, Protocol

from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from gateway.store.engine import Store, open_engine, open_store

FILE = "gateway.db"
POINTS = ("execute", "before_commit", "after_commit")
"""Where a trap can be set: before a statement, before a commit, after one."""


class Crash(BaseException):
    """kill -9: not an Exception, since nothing survives to catch it."""


class Storage(Protocol):
    """A database file on something that may fail."""

    def path(self) -> str:
        """What SQLite is to open: a path, or a URI."""

    def read(self) -> sqlite3.Connection:
        """A connection for reading."""

    def lose_power(self) -> bool:
        """Lose what is not synced, if this can; whether it did."""

    def fail(self, what: str, after: int) -> None:
        """Let the `write` or `sync` after so many more fail."""

    def fill(self, after: int) -> None:
        """Let the disk be full after so many writes more."""

    def fails(self, what: str) -> str:
        """The kind of fault if this `write` or `sync`, which SQLite was told of, is one to fail;
        else empty."""

    def mend(self) -> None:
        """Let nothing fail any more."""

    def close(self) -> None:
        """Give everything back."""


class Failing:
    """Storage of which a write or a sync can fail. They are the program's own statements and
    commits, not those of SQLite's files, so that a story is the same with every release of it."""

    def __init__(self) -> None:
        self._left: dict[str, int] = {}
        self._room: int | None = None

    def fail(self, what: str, after: int) -> None:
        """Fail a statement that writes (`write`), or a commit (`sync`), after so many more."""
        self._left[what] = after + 1

    def fill(self, after: int) -> None:
        """Let each write fail after so many more, until somebody mends it."""
        self._room = after

    def fails(self, what: str) -> str:
        """Count one; the kind of fault if it is one to fail."""
        left = self._left.get(what, 0)
        if left:
            self._left[what] = left - 1
        if left == 1:
            return f"{what}_failed"
        if self._room is None or what != "write":
            return ""
        if self._room == 0:
            return "disk_full"
        self._room -= 1
        return ""

    def mend(self) -> None:
        """Fail nothing any more."""
        self._left.clear()
        self._room = None


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


class _Reader(sqlite3.Connection):
    """A connection that is used again and again: reading the schema anew would take longest."""

    def close(self) -> None:
        """End what was read; the connection stays."""
        self.rollback()

    def end(self) -> None:
        """End the connection."""
        super().close()


class FolderStorage(Failing):
    """A database in a folder of its own, in memory where the system offers that."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._path = folder / FILE
        self._path.write_bytes(empty_database())
        self._reader = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, factory=_Reader)

    def path(self) -> str:
        """The file's path."""
        return str(self._path)

    def read(self) -> sqlite3.Connection:
        """A connection for reading."""
        return self._reader

    def lose_power(self) -> bool:
        """A folder loses nothing."""
        return False

    def close(self) -> None:
        """The folder is its owner's to remove."""
        self._reader.end()


class Traps:
    """What is to happen at the nth statement or commit of one engine."""

    def __init__(self) -> None:
        self._point = ""
        self._left = 0
        self._first: Callable[[], object] | None = None
        self._between: Callable[[], None] | None = None
        self._between_left = 0

    def set(self, point: str, after: int, first: Callable[[], object] | None = None) -> None:
        """End the process at `point`, after so many of its kind more have passed, and do something
        first if that is given."""
        if point not in POINTS:
            raise ValueError(f"point: must be one of {', '.join(POINTS)}, not {point}")
        self._point = point
        self._left = after + 1
        self._first = first

    def between(self, after: int, act: Callable[[], None]) -> None:
        """Do something before a transaction begins, after so many more have begun."""
        self._between = act
        self._between_left = after + 1

    def clear(self) -> None:
        """Let nothing happen."""
        self._point = ""
        self._between = None

    def reached(self, point: str) -> None:
        """The engine is at this point. Raises Crash if it ends here."""
        if self._point == point:
            self._left -= 1
            if self._left == 0:
                self._point = ""
                if self._first is not None:
                    self._first()
                raise Crash(point)

    def begins(self) -> None:
        """A transaction is about to begin."""
        if self._between is not None:
            self._between_left -= 1
            if self._between_left == 0:
                act, self._between = self._between, None
                act()


class _Slot:
    """An engine of the gateway's own making, which is lent to one process after another and
    connects to whatever storage that process has: its compiled statements are worth keeping."""

    def __init__(self) -> None:
        self.engine: Engine = open_engine("sqlite:////nowhere/gateway.db")
        self.traps = Traps()
        self.committed: Callable[[], None] = _nothing
        self.failed: Callable[[str], None] = _nothing_of
        self.storage: Storage | None = None
        event.listen(self.engine, "do_connect", self._connect)
        event.listen(self.engine, "before_cursor_execute", self._execute)
        dialect: Any = self.engine.dialect
        commit = dialect.do_commit

        def do_commit(connection: Any) -> None:
            self.traps.reached("before_commit")
            commit(connection)
            self.committed()
            # A sync that fails leaves open whether the commit is on the disk; here it is.
            self._maybe_fail("sync", "COMMIT")
            self.traps.reached("after_commit")

        dialect.do_commit = do_commit

    def _connect(
        self, _dialect: Any, _record: Any, arguments: list[Any], named: dict[str, Any]
    ) -> None:
        if self.storage is not None:
            arguments[0] = self.storage.path()
            named["uri"] = True

    def _execute(self, _conn: Any, _cursor: Any, statement: str, *_given: Any) -> None:
        if statement.startswith("BEGIN"):
            self.traps.begins()
        self.traps.reached("execute")
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            self._maybe_fail("write", statement)

    def _maybe_fail(self, what: str, statement: str) -> None:
        why = self.storage.fails(what) if self.storage is not None else ""
        if why:
            self.failed(why)
            error = "database or disk is full" if why == "disk_full" else "disk I/O error"
            raise OperationalError(statement, {}, sqlite3.OperationalError(error))


def _nothing() -> None:
    """What an engine that nobody has does after a commit."""


def _nothing_of(_what: str) -> None:
    """What it does when its disk fails."""


_IDLE: list[_Slot] = []


class Opened:
    """A store as one process has it, until it is closed; `traps` end that process."""

    def __init__(
        self,
        storage: Storage,
        clock: Callable[[], int],
        committed: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        self._slot = _IDLE.pop() if _IDLE else _Slot()
        self._slot.storage = storage
        self._slot.committed = committed
        self._slot.failed = failed
        self.traps = self._slot.traps
        self.store = Store(self._slot.engine, clock, random_bytes=Random(clock()).randbytes)
        self._open = True

    def close(self) -> None:
        """Close its connections, as the end of a process does."""
        if not self._open:
            return
        self._open = False
        self.traps.clear()
        self._slot.engine.dispose()
        self._slot.committed = _nothing
        self._slot.failed = _nothing_of
        self._slot.storage = None
        _IDLE.append(self._slot)
