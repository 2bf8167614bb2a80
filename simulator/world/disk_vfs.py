"""Gives SQLite a simulated disk: a VFS registered in the library that Python's own module uses.

Every callback runs under one lock and lets no exception out, since SQLite is C. A connection that
was open when its process crashed gets an error from each operation. What the disk does is in
`disk`; which lock stands in whose way in `disk_locks`.
"""

import ctypes
import itertools
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote

from simulator.world import disk_c as c
from simulator.world.disk import Disk, DiskFault, File
from simulator.world.disk_locks import FileLocks, SharedMemory


@dataclass(slots=True)
class _Open:
    """One open file of a connection; `number` names it to the locks."""

    number: int
    name: str
    file: File
    era: int
    temporary: bool
    # Held until it is closed, since SQLite keeps addresses in it, also after a crash.
    memory: SharedMemory | None = None


class SqliteDisk(Disk):
    """A disk that SQLite can use, by `url` or `connect`, in this process.

    `random` decides all that chance decides, SQLite's own random bytes with it; `now` is its time,
    in Unix seconds; `sleep` is how it waits for a lock. Close all connections, then the disk.
    Raises DiskUnavailable.
    """

    def __init__(
        self,
        random: Random,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(random)
        self._now = now
        self._sleep = sleep
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._opened: dict[int, _Open] = {}
        self._locks: dict[str, FileLocks] = {}
        self._memory: dict[str, SharedMemory] = {}
        self._sqlite = c.library()
        # Kept as long as SQLite may call them.
        self._callbacks: list[Any] = []
        self._methods = c.Methods(2, *self._table(c.OPERATIONS))
        self.name = f"disk-{next(_disks)}"
        self._vfs = c.Vfs(
            2, ctypes.sizeof(c.pointer), 512, None, self.name.encode(), None, *self._table(c.CALLS)
        )
        self._register()

    def url(self, name: str) -> str:
        """A file of this disk as a database URL of SQLAlchemy."""
        return f"sqlite:///file:{quote(name)}?vfs={self.name}&uri=true"

    def connect(self, name: str) -> sqlite3.Connection:
        """A plain connection to a file of this disk."""
        return sqlite3.connect(f"file:{quote(name)}?vfs={self.name}", uri=True)

    def close(self) -> None:
        """Take the disk out of SQLite. Raises DiskUnavailable if a connection is still open."""
        with self._lock:
            if self._opened:
                # SQLite still calls into this disk: it must outlive whoever forgets it.
                _LEFT_OPEN.append(self)
                names = sorted({each.name for each in self._opened.values()})
                # SQLite goes on calling it: it must not be collected.
                _in_use.append(self)
                raise c.DiskUnavailable(f"still open: {', '.join(names)}; close its connections")
            self._sqlite.sqlite3_vfs_unregister(ctypes.byref(self._vfs))

    def crash(self) -> None:
        """The process dies: what it wrote stays, its open files and locks are no more."""
        with self._lock:
            super().crash()
            self._locks.clear()
            self._memory.clear()

    def reseed(self) -> None:
        """Make SQLite's random bytes, which one generator gives to all connections of the process,
        come from this disk's `random` from here on."""
        find = self._sqlite.sqlite3_vfs_find
        find.restype = c.pointer
        usual = find(None)
        register = self._sqlite.sqlite3_vfs_register
        register(ctypes.byref(self._vfs), 1)
        self._sqlite.sqlite3_randomness(0, None)
        self._sqlite.sqlite3_randomness(1, ctypes.create_string_buffer(1))
        register(c.pointer(usual), 1)

    def _register(self) -> None:
        self._sqlite.sqlite3_initialize()
        if self._sqlite.sqlite3_vfs_register(ctypes.byref(self._vfs), 0) != c.OK:
            raise c.DiskUnavailable("SQLite refused to register a VFS")
        try:
            self.connect("probe").close()
        except sqlite3.OperationalError as error:
            self._sqlite.sqlite3_vfs_unregister(ctypes.byref(self._vfs))
            raise c.DiskUnavailable(f"Python's sqlite3 is another library: {error}") from error
        self._files.clear()
        self.counts.clear()
        self.reseed()

    def _table(self, shape: dict[str, tuple[Any, ...]]) -> list[Any]:
        pointers: list[Any] = []
        for name, arguments in shape.items():
            method = getattr(self, "_" + name, None)
            if method is None:
                pointers.append(None)
                continue
            callback = ctypes.CFUNCTYPE(c.integer, *arguments)(self._guarded(method))
            self._callbacks.append(callback)
            pointers.append(ctypes.cast(callback, c.pointer))
        return pointers

    def _guarded(self, method: Callable[..., int]) -> Callable[..., int]:
        def call(*arguments: Any) -> int:
            try:
                with self._lock:
                    return method(*arguments)
            except DiskFault as fault:
                return c.FULL if fault.code == "full" else c.IO_CODES[fault.kind]
            except BaseException:  # noqa: BLE001  C can't take an exception; SQLite reports an error
                return c.IOERR

        return call

    def _alive(self, pointer: int) -> _Open:
        opened = self._opened[pointer]
        if opened.era != self.era:
            raise DiskFault("read", "io")
        return opened

    # What SQLite asks of the disk.

    def _xOpen(self, _vfs: int, path: int | None, pointer: int, flags: int, out: int | None) -> int:
        # Without methods SQLite takes the file for closed.
        c.pointer.from_address(pointer).value = None
        number = next(self._numbers)
        name = f"temporary-{number}" if not path else ctypes.string_at(path).decode()
        file = self.open(name, create=bool(flags & c.OPEN_CREATE))
        if file is None:
            return c.CANTOPEN
        temporary = bool(flags & c.OPEN_DELETE_ON_CLOSE)
        self._opened[pointer] = _Open(number, name, file, self.era, temporary)
        c.pointer.from_address(pointer).value = ctypes.addressof(self._methods)
        if out:
            c.integer.from_address(out).value = flags
        return c.OK

    def _xDelete(self, _vfs: int, name: bytes, synced: int) -> int:
        try:
            self.delete(name.decode(), synced=bool(synced))
        except KeyError:
            return c.DELETE_NOENT
        return c.OK

    def _xAccess(self, _vfs: int, name: bytes, _flags: int, out: int) -> int:
        c.integer.from_address(out).value = int(self.exists(name.decode()))
        return c.OK

    def _xFullPathname(self, _vfs: int, name: bytes, size: int, out: int) -> int:
        if len(name) >= size:
            return c.CANTOPEN
        ctypes.memmove(out, name + b"\0", len(name) + 1)
        return c.OK

    def _xRandomness(self, _vfs: int, size: int, out: int) -> int:
        ctypes.memmove(out, self.random.randbytes(size), size)
        return size

    def _xSleep(self, _vfs: int, microseconds: int) -> int:
        self._lock.release()
        try:
            self._sleep(microseconds / 1_000_000)
        finally:
            self._lock.acquire()
        return microseconds

    def _xCurrentTime(self, _vfs: int, out: int) -> int:
        ctypes.c_double.from_address(out).value = self._now() / 86_400 + 2_440_587.5
        return c.OK

    def _xCurrentTimeInt64(self, _vfs: int, out: int) -> int:
        c.integer64.from_address(out).value = int(self._now() * 1000) + 210_866_760_000_000
        return c.OK

    def _xGetLastError(self, _vfs: int, _size: int, _out: int | None) -> int:
        return c.OK

    # What it asks of one open file.

    def _xClose(self, pointer: int) -> int:
        opened = self._opened.pop(pointer)
        if opened.era == self.era:
            if opened.name in self._locks:
                self._locks[opened.name].unlock(opened.number, 0)
            if opened.temporary:
                self._files.pop(opened.name, None)
        return c.OK

    def _xRead(self, pointer: int, buffer: int, length: int, at: int) -> int:
        data = self.read(self._alive(pointer).file, at, length)
        if len(data) < length:
            ctypes.memset(buffer, 0, length)
        ctypes.memmove(buffer, data, len(data))
        return c.OK if len(data) == length else c.SHORT_READ

    def _xWrite(self, pointer: int, buffer: int, length: int, at: int) -> int:
        self.write(self._alive(pointer).file, at, ctypes.string_at(buffer, length))
        return c.OK

    def _xTruncate(self, pointer: int, size: int) -> int:
        self.truncate(self._alive(pointer).file, size)
        return c.OK

    def _xSync(self, pointer: int, _flags: int) -> int:
        opened = self._alive(pointer)
        self.sync(opened.name, opened.file)
        return c.OK

    def _xFileSize(self, pointer: int, out: int) -> int:
        c.integer64.from_address(out).value = len(self._alive(pointer).file.seen)
        return c.OK

    def _xLock(self, pointer: int, wanted: int) -> int:
        opened = self._alive(pointer)
        locks = self._locks.setdefault(opened.name, FileLocks())
        return c.OK if locks.lock(opened.number, wanted) else c.BUSY

    def _xUnlock(self, pointer: int, wanted: int) -> int:
        opened = self._alive(pointer)
        self._locks.setdefault(opened.name, FileLocks()).unlock(opened.number, wanted)
        return c.OK

    def _xCheckReservedLock(self, pointer: int, out: int) -> int:
        opened = self._alive(pointer)
        locks = self._locks.setdefault(opened.name, FileLocks())
        c.integer.from_address(out).value = int(locks.reserved())
        return c.OK

    def _xFileControl(self, _file: int, _operation: int, _argument: int | None) -> int:
        return c.NOTFOUND

    def _xSectorSize(self, _file: int) -> int:
        return c.DATABASE_SECTOR

    def _xDeviceCharacteristics(self, _file: int) -> int:
        return c.POWERSAFE_OVERWRITE

    def _xShmMap(self, pointer: int, region: int, size: int, extend: int, out: int) -> int:
        opened = self._alive(pointer)
        memory = self._memory.setdefault(opened.name, SharedMemory())
        memory.use(opened.number)
        opened.memory = memory
        while extend and len(memory.regions) <= region:
            memory.regions.append(ctypes.create_string_buffer(size))
        there = region < len(memory.regions)
        address = ctypes.addressof(memory.regions[region]) if there else None
        c.pointer.from_address(out).value = address
        return c.OK

    def _xShmLock(self, pointer: int, first: int, count: int, flags: int) -> int:
        opened = self._alive(pointer)
        memory = self._memory.setdefault(opened.name, SharedMemory())
        slots = range(first, first + count)
        if flags & c.SHM_UNLOCK:
            memory.unlock(opened.number, slots)
            return c.OK
        exclusive = bool(flags & c.SHM_EXCLUSIVE)
        return c.OK if memory.lock(opened.number, slots, exclusive=exclusive) else c.BUSY

    def _xShmBarrier(self, _file: int) -> int:
        return c.OK

    def _xShmUnmap(self, pointer: int, _delete: int) -> int:
        opened = self._opened[pointer]
        memory = opened.memory
        # The last to leave takes the memory with it; after a crash there is a new one.
        if memory is not None and memory.leave(opened.number) and opened.era == self.era:
            self._memory.pop(opened.name, None)
        return c.OK


_disks = itertools.count(1)
_LEFT_OPEN: "list[SqliteDisk]" = []
_in_use: list[SqliteDisk] = []
