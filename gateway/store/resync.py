"""Makes durable what an earlier process left in SQLite's write-ahead log.

After a failed sync the process ends, but Linux takes the pages for written: whoever reads the log
next sees a commit that is not on the disk, and no later sync puts it there. Were it believed, it
would be acknowledged, and a power cut would take it back, with all that was committed behind it. So
the log is written once more, byte for byte, and synced, before anything in it is believed.
"""

import os
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine


def write_log_again(engine: Engine) -> None:
    """Write and sync the log of a SQLite database, if there is one. Raises OSError, and the
    database's error if it can't be opened."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return
    path = Path(engine.url.database + "-wal")
    if path.exists():
        under_the_lock(engine, path.read_bytes, lambda log: _write_in_place(path, log))


def under_the_lock(
    engine: Engine, read: Callable[[], bytes], write: Callable[[bytes], None]
) -> None:
    """Read the log and `write` the same, while nobody can add to it or begin it anew."""
    with engine.execution_options(tally_write=True).begin():
        log = read()
        if log:
            write(log)


def _write_in_place(path: Path, log: bytes) -> None:
    with open(path, "r+b", buffering=0) as file:
        left = memoryview(log)
        while left:
            left = left[file.write(left) or 0 :]
        os.fsync(file.fileno())
