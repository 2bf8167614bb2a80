"""The world's database on a disk that forgets what was not synced when power fails.

Which operation fails, and when power does, is the story's business; what is left then, that of
`disk`.
"""

import sqlite3
from pathlib import Path
from random import Random

from simulator.world.disk_c import DiskUnavailable
from simulator.world.disk_vfs import SqliteDisk
from simulator.world.storage import FILE, Failing, FolderStorage, Storage, empty_database


class DiskStorage(Failing):
    """A database on a simulated disk; the seed decides what each power cut leaves.

    Raises DiskUnavailable where Python's SQLite can't be given one.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        # Nothing waits for a lock in a world of one thread, so no time need pass.
        self._disk = SqliteDisk(Random(f"disk {seed}"), now=lambda: 0.0, sleep=lambda _: None)
        self._disk.put(FILE, empty_database())

    def path(self) -> str:
        """The file's URI."""
        return f"file:{FILE}?vfs={self._disk.name}"

    def read(self) -> sqlite3.Connection:
        """A connection for reading."""
        return self._disk.connect(FILE)

    def lose_power(self) -> bool:
        """Lose what is not synced, or any part of it."""
        self._disk.power_cut()
        return True

    def close(self) -> None:
        """Take the disk out of SQLite."""
        self._disk.close()


def storage_for(seed: int, folder: Path, *, loses_power: bool) -> Storage:
    """The storage of one world: a disk where power is to fail, a folder, which is faster, where not
    or where there can be no such disk. What comes of a story is the same on both."""
    if loses_power:
        try:
            return DiskStorage(seed)
        except DiskUnavailable:
            pass
    return FolderStorage(folder)
