"""SQLite's C interface to a disk, as ctypes has it: structures, codes, and the library itself.

Nothing is decided here; what a disk does is in `disk`, how SQLite is answered in `disk_vfs`.
"""

import ctypes
import sqlite3
from typing import Any

OK, BUSY, IOERR, NOTFOUND, FULL, CANTOPEN = 0, 5, 10, 12, 13, 14
SHORT_READ = IOERR | 2 << 8
DELETE_NOENT = IOERR | 23 << 8
IO_CODES = {
    "read": IOERR | 1 << 8,
    "write": IOERR | 3 << 8,
    "sync": IOERR | 4 << 8,
    "truncate": IOERR | 6 << 8,
    "delete": IOERR | 10 << 8,
    "create": CANTOPEN,
}
OPEN_CREATE, OPEN_DELETE_ON_CLOSE = 0x4, 0x8
SHM_UNLOCK, SHM_EXCLUSIVE = 1, 8
POWERSAFE_OVERWRITE = 0x1000
DATABASE_SECTOR = 4096  # what SQLite's own VFS for Unix says

pointer, integer, integer64 = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
OPERATIONS: dict[str, tuple[Any, ...]] = {
    "xClose": (pointer,),
    "xRead": (pointer, pointer, integer, integer64),
    "xWrite": (pointer, pointer, integer, integer64),
    "xTruncate": (pointer, integer64),
    "xSync": (pointer, integer),
    "xFileSize": (pointer, pointer),
    "xLock": (pointer, integer),
    "xUnlock": (pointer, integer),
    "xCheckReservedLock": (pointer, pointer),
    "xFileControl": (pointer, integer, pointer),
    "xSectorSize": (pointer,),
    "xDeviceCharacteristics": (pointer,),
    "xShmMap": (pointer, integer, integer, integer, pointer),
    "xShmLock": (pointer, integer, integer, integer),
    "xShmBarrier": (pointer,),
    "xShmUnmap": (pointer, integer),
}
CALLS: dict[str, tuple[Any, ...]] = {
    "xOpen": (pointer, pointer, pointer, integer, pointer),
    "xDelete": (pointer, ctypes.c_char_p, integer),
    "xAccess": (pointer, ctypes.c_char_p, integer, pointer),
    "xFullPathname": (pointer, ctypes.c_char_p, integer, pointer),
    "xDlOpen": (),
    "xDlError": (),
    "xDlSym": (),
    "xDlClose": (),
    "xRandomness": (pointer, integer, pointer),
    "xSleep": (pointer, integer),
    "xCurrentTime": (pointer, pointer),
    "xGetLastError": (pointer, integer, pointer),
    "xCurrentTimeInt64": (pointer, pointer),
}


class Methods(ctypes.Structure):
    """`sqlite3_io_methods`, version 2."""

    _fields_ = [("iVersion", integer), *((name, pointer) for name in OPERATIONS)]


class Vfs(ctypes.Structure):
    """`sqlite3_vfs`, version 2."""

    _fields_ = [
        ("iVersion", integer),
        ("szOsFile", integer),
        ("mxPathname", integer),
        ("pNext", pointer),
        ("zName", ctypes.c_char_p),
        ("pAppData", pointer),
        *((name, pointer) for name in CALLS),
    ]


class DiskUnavailable(Exception):
    """This Python's SQLite can't be given a disk of ours; the text says why."""


def library() -> ctypes.CDLL:
    """The SQLite that Python's own module uses. Raises DiskUnavailable."""
    try:
        found = ctypes.CDLL("libsqlite3.so.0")
        found.sqlite3_libversion.restype = ctypes.c_char_p
        version = found.sqlite3_libversion().decode()
    except (OSError, AttributeError) as error:
        raise DiskUnavailable(f"no shared libsqlite3.so.0 with its symbols: {error}") from error
    if version != sqlite3.sqlite_version:
        raise DiskUnavailable(
            f"libsqlite3.so.0 is SQLite {version}, but Python was built with "
            f"{sqlite3.sqlite_version} inside it"
        )
    return found
