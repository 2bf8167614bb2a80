"""A SQLite database as a part of a backup: copied while it is in use, put back in one step.

Copied by SQLite's online backup, in one step on one snapshot: in WAL mode that keeps no writer
waiting. Put back by renaming a finished file over the old one, which is kept under another name.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.store.backup_archive import sync_folder
from gateway.store.errors import ArchiveError, StoreError

PART = "gateway.db"


def copy(source: Path, target: Path) -> None:
    """Copy a database, which may be in use, to a new file. Raises StoreError, OSError."""
    target.touch(mode=0o600, exist_ok=False)
    try:
        with (
            closing(sqlite3.connect(source, timeout=30)) as live,
            closing(sqlite3.connect(target)) as new,
        ):
            # In one step: a copy in several begins anew whenever another connection writes.
            live.backup(new, pages=-1)
    except sqlite3.Error as error:
        raise StoreError(f"database: {source} can't be copied ({error})") from error


def check_pages(path: Path) -> None:
    """Raise ArchiveError unless SQLite finds its file sound."""
    with closing(sqlite3.connect(path)) as file:
        try:
            found = [row[0] for row in file.execute("PRAGMA integrity_check(1)")]
        except sqlite3.DatabaseError as error:
            raise ArchiveError(f"archive: its database is damaged ({error})") from error
    if found != ["ok"]:
        raise ArchiveError(f"archive: its database is damaged ({found[0]})")


def settle_file(path: Path) -> None:
    """Bring everything of a database that nobody uses into its one file, durably.

    Raises StoreError if it is in use or damaged.
    """
    try:
        with closing(sqlite3.connect(path, timeout=5)) as file:
            (mode,) = file.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"database: {path}: {error}; end what uses it, and try again") from error
    if mode != "delete" or path.with_name(path.name + "-wal").exists():
        raise StoreError(f"database: {path} is in use by another program: end it first")
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def swap(new: Path, current: Path, kept: Path | None) -> None:
    """Put a finished database in the place of another, if there is one, which is kept as `kept`.

    At each moment the place holds the one or the other, whole. `settle_file` both before. Raises
    OSError.
    """
    if kept is not None and current.exists():
        os.link(current, kept)
    new.replace(current)
    sync_folder(current.parent)


def set_aside(current: Path, kept: Path) -> None:
    """Move what is left of a damaged database and its log out of the way. Raises OSError."""
    for end in ("-wal", "-shm", ""):
        piece = current.with_name(current.name + end)
        if piece.exists():
            piece.rename(kept.with_name(kept.name + end))
    sync_folder(current.parent)
