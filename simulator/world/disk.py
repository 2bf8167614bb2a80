"""A disk that loses power, fails, and forgets what was not synced, for a database in memory.

Of each file it keeps what programs see, what is durable, and each write since the last sync, so
that a power cut leaves any mixture of sectors that a real one could. `disk_vfs` gives it to SQLite;
locks are in `disk_locks`. Nothing of SQLite's own workings, and no clock, may live here.
"""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

SECTOR = 512

KINDS = ("create", "write", "sync", "truncate", "delete")
"""What changes a disk; `any` counts all of these together, `read` stands apart."""


class DiskFault(Exception):
    """An operation that fails: `code` is "io" or "full"."""

    def __init__(self, kind: str, code: str) -> None:
        super().__init__(f"{kind} failed: {code}")
        self.kind = kind
        self.code = code


@dataclass(slots=True)
class _Write:
    at: int
    data: bytes


@dataclass(slots=True)
class File:
    """One file: what programs see, what is on the platter, and what was done since the last sync
    (a write, or a truncation to so many bytes)."""

    seen: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    since: "list[_Write | int]" = field(default_factory=list)
    name_durable: bool = False

    def write(self, at: int, data: bytes) -> None:
        """Write, and remember it as not synced."""
        _place(self.seen, at, data)
        self.since.append(_Write(at, data))

    def truncate(self, size: int) -> None:
        """Cut or extend to `size` bytes, not synced."""
        _resize(self.seen, size)
        self.since.append(size)

    def sync(self) -> None:
        """Make all that was done durable."""
        for each in self.since:
            if isinstance(each, int):
                _resize(self.durable, each)
            else:
                _place(self.durable, each.at, each.data)
        self.since.clear()

    def lose(self, random: Random) -> None:
        """Let any part of what was not synced reach the platter: each sector as it was after any
        number of the writes, or torn in the next one; the size as it was at any time. Half of the
        time the disk kept to the order of the writes."""
        writes = len(self.since)
        in_order = random.randint(0, writes) if random.random() < 0.5 else None
        reached: dict[int, int] = {}
        resized_until = random.randint(0, writes) if in_order is None else in_order
        for index, each in enumerate(self.since):
            if isinstance(each, int):
                if index < resized_until:
                    _resize(self.durable, each)
                continue
            for at, part in _sectors(each):
                if at // SECTOR not in reached:
                    late = random.randint(0, writes) if in_order is None else in_order
                    reached[at // SECTOR] = late
                until = reached[at // SECTOR]
                if index < until:
                    _place(self.durable, at, part)
                elif index == until:
                    _place(self.durable, at, part[: random.randint(0, len(part))])
        self.since.clear()


def _sectors(write: _Write) -> list[tuple[int, bytes]]:
    """A write, divided at the bounds of sectors."""
    parts = []
    at, end = write.at, write.at + len(write.data)
    while at < end:
        stop = min(end, (at // SECTOR + 1) * SECTOR)
        parts.append((at, write.data[at - write.at : stop - write.at]))
        at = stop
    return parts


def _place(image: bytearray, at: int, data: bytes) -> None:
    if data:
        if len(image) < at:
            image.extend(bytes(at - len(image)))
        image[at : at + len(data)] = data


def _resize(image: bytearray, size: int) -> None:
    if size < len(image):
        del image[size:]
    else:
        image.extend(bytes(size - len(image)))


@dataclass(slots=True)
class _Fault:
    kind: str
    left: int
    code: str
    lasting: bool


class Disk:
    """Files by name, and what is to go wrong with them. `counts` holds how many operations of each
    kind there have been, also those that failed, so that a campaign can fail each in turn."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.counts: Counter[str] = Counter()
        self.era = 0
        self._files: dict[str, File] = {}
        self._removed: dict[str, File] = {}
        self._faults: list[_Fault] = []

    def names(self) -> list[str]:
        """The files that are there, in order of name."""
        return sorted(self._files)

    def content(self, name: str) -> bytes:
        """What programs see of a file. Raises KeyError."""
        return bytes(self._files[name].seen)

    def durable(self, name: str) -> bytes:
        """What of a file is certain to survive a power cut. Raises KeyError."""
        return bytes(self._files[name].durable)

    def put(self, name: str, content: bytes) -> None:
        """Lay a file down, durable, in place of what was there."""
        self._files[name] = File(bytearray(content), bytearray(content), [], True)

    def flip(self, name: str, bit: int) -> None:
        """Turn one bit of a file over, as a decaying disk does. Raises KeyError, IndexError."""
        file = self._files[name]
        for image in (file.seen, file.durable):
            image[bit // 8] ^= 1 << bit % 8

    def fail(self, kind: str, nth: int, code: str = "io", *, lasting: bool = False) -> None:
        """Let the nth operation of a kind from now on fail (1: the next one), by "io" or "full".

        `kind` is one of KINDS, `any` of them, or `read`. With `lasting` all that follow fail too,
        as on a disk that is full or gone. A failing write leaves a part of itself behind; after a
        failing sync, what it was to make durable never becomes so by a later one, as on Linux.
        """
        if kind not in (*KINDS, "any", "read"):
            raise ValueError(f"kind: must be any, read or one of {', '.join(KINDS)}, not {kind}")
        if code not in ("io", "full"):
            raise ValueError(f"code: must be io or full, not {code}")
        if nth < 1:
            raise ValueError(f"nth: must be at least 1, not {nth}")
        self._faults.append(_Fault(kind, nth, code, lasting))

    def mend(self) -> None:
        """Let nothing fail any more."""
        self._faults.clear()

    def crash(self) -> None:
        """The process dies: what it wrote stays, its open files and locks are no more."""
        self.era += 1

    def power_cut(self, random: Random | None = None) -> None:
        """The machine dies: all that was not synced is lost, or any part of it.

        `random` (the disk's own, if not given) decides what survives. What was open is no more.
        """
        random = random or self.random
        self.crash()
        nothing_survives = random.random() < 1 / 3
        survivors: dict[str, File] = {}
        for name in sorted({*self._removed, *self._files}):
            # Neither a new name nor the end of an old one is sure before a sync.
            file = self._files.get(name)
            if file is None or not file.name_durable:
                undone = nothing_survives or random.random() < 0.5
                file = self._removed.get(name) if undone else file
            if file is not None:
                if not nothing_survives:
                    file.lose(random)
                survivors[name] = file
        self._files = {
            name: File(bytearray(file.durable), file.durable, [], True)
            for name, file in survivors.items()
        }
        self._removed.clear()

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return name in self._files

    def open(self, name: str, *, create: bool) -> File | None:
        """The file, a new one if there is none and `create` is true. Raises DiskFault."""
        file = self._files.get(name)
        if file is None and create:
            self._reached("create")
            file = self._files[name] = File()
        return file

    def read(self, file: File, at: int, length: int) -> bytes:
        """Up to `length` bytes. Raises DiskFault."""
        self._reached("read")
        return bytes(file.seen[at : at + length])

    def write(self, file: File, at: int, data: bytes) -> None:
        """Write in place. Raises DiskFault, after writing a part of it."""
        try:
            self._reached("write")
        except DiskFault:
            file.write(at, data[: self.random.randrange(len(data))] if data else data)
            raise
        file.write(at, data)

    def truncate(self, file: File, size: int) -> None:
        """Make a file `size` bytes long. Raises DiskFault; then nothing has changed."""
        self._reached("truncate")
        file.truncate(size)

    def sync(self, name: str, file: File) -> None:
        """Make a file durable, and all names too if its own is new, as SQLite does (there is one
        folder). Raises DiskFault; then what was to become durable may have or not, and never will
        by another sync."""
        try:
            self._reached("sync")
        except DiskFault:
            file.lose(self.random)
            raise
        file.sync()
        if not file.name_durable and self._files.get(name) is file:
            self._sync_names()

    def delete(self, name: str, *, synced: bool) -> None:
        """Remove a file; one whose removal is not synced may be back after a power cut.

        Raises DiskFault, and KeyError if there is no such file.
        """
        if name not in self._files:
            raise KeyError(name)
        self._reached("delete")
        file = self._files.pop(name)
        if file.name_durable:
            self._removed[name] = file
        if synced:
            self._sync_names()

    def _sync_names(self) -> None:
        self._removed.clear()
        for file in self._files.values():
            file.name_durable = True

    def _reached(self, kind: str) -> None:
        self.counts[kind] += 1
        if kind != "read":
            self.counts["any"] += 1
        for fault in self._faults:
            if fault.kind == kind or (fault.kind == "any" and kind != "read"):
                fault.left -= 1
                if fault.left <= 0:
                    if not fault.lasting:
                        self._faults.remove(fault)
                    raise DiskFault(kind, fault.code)
