"""What happened, in order, as one hash: two runs are the same if their traces are.

Only values may be noted: no object's address, no set's order, no wall clock.
"""

import hashlib
import sqlite3
from collections import deque

KEPT = 4000


class Trace:
    """A hash over all that was noted, and the last notes in words."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.last: deque[str] = deque(maxlen=KEPT)

    def note(self, at: int, what: str, payload: bytes = b"") -> None:
        """Note that something happened at `at` (milliseconds)."""
        line = f"{at} {what}"
        data = line.encode()
        self._hash.update(len(data).to_bytes(4, "big") + data)
        self._hash.update(len(payload).to_bytes(4, "big") + payload)
        self.last.append(line)

    def digest(self) -> str:
        """The hash so far, in hex."""
        return self._hash.hexdigest()


def database_digest(conn: sqlite3.Connection) -> str:
    """A hash of the content of all tables, independent of how it is laid out in pages."""
    found = hashlib.sha256()
    tables = conn.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        " ORDER BY name"
    ).fetchall()
    for (table,) in tables:
        rows = conn.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608
        for line in sorted(repr(row) for row in rows):
            found.update(f"{table} {line}\n".encode())
    return found.hexdigest()
