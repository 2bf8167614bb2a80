"""The device's durable state: one record, replaced whole, that survives power loss at any moment.

What may live here: the two alternating slots, their format, and their files. What the record
means may not. A slot is the magic, a sequence number (8 bytes), the record's length (4), the
CRC-32 of these two and the record (4), and the record; what follows it is left over.
"""

import binascii
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Slots(Protocol):
        """Where a journal is kept: two places, 0 and 1, each read and written whole."""

        def read(self, slot: int) -> bytes:
            """The bytes of a slot, empty if it was never written."""

        def write(self, slot: int, data: bytes) -> None:
            """Write from the start of a slot; return when the bytes are on the medium."""


_MAGIC = b"TLY1"
_HEADER = ">4sQII"
_HEADER_SIZE = 20
_SEQUENCES = 1 << 63
"""Sequence numbers are below: a slot that says more was never written by a device, and leaves no
number for the next record."""


class JournalError(Exception):
    """The storage does not hold what it must: the device may sign nothing more on it."""


class FileSlots:
    """The two slots as files `<name>.0` and `<name>.1` of a folder that exists."""

    def __init__(self, folder: str, name: str = "journal") -> None:
        self._folder = folder
        self._name = name

    def _written(self, slot: int) -> bool:
        # Error numbers differ between MicroPython's ports; a folder's list does not.
        return self._name + "." + str(slot) in os.listdir(self._folder)

    def _path(self, slot: int) -> str:
        return self._folder + "/" + self._name + "." + str(slot)

    def read(self, slot: int) -> bytes:
        """The bytes of slot 0 or 1, empty if it was never written. Raises OSError."""
        if not self._written(slot):
            return b""
        with open(self._path(slot), "rb") as file:
            return bytes(file.read())

    def write(self, slot: int, data: bytes) -> None:
        """Write from the start of slot 0 or 1, and wait until it is on the medium. A file is never
        cut short first: a slot that was written stays one that was. Raises OSError."""
        with open(self._path(slot), "r+b" if self._written(slot) else "wb") as file:
            file.write(data)
            file.flush()
            if hasattr(os, "fsync"):
                os.fsync(file.fileno())
        if hasattr(os, "fsync"):
            # A new file's name is on the medium only after its folder is.
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        elif hasattr(os, "sync"):
            os.sync()


class Journal:
    """One record over two slots."""

    def __init__(self, slots: "Slots") -> None:
        self._slots = slots
        self._loaded = False
        self._sequence = 0
        self._slot = 1
        self.damaged = False
        """Whether `load` found a slot that is written and not intact: a write that power loss cut
        short, or a medium that fails. The record may then be the one before the last."""

    def load(self) -> bytes | None:
        """The newest intact record, or None if no first `save` ever returned.

        Raises JournalError if records were saved and none is intact, and what the slots raise.
        """
        newest = None
        self._sequence = 0
        self._slot = 1
        written = [False, False]
        intact = 0
        for slot in (0, 1):
            data = self._slots.read(slot)
            if not data:
                continue
            written[slot] = True
            found = _unpack(data)
            if found is None:
                continue
            intact += 1
            if found[0] > self._sequence:
                self._sequence, newest = found
                self._slot = slot
        self.damaged = intact < written[0] + written[1]
        if written[1] and intact == 0:
            raise JournalError("journal: must have an intact slot, and has none")
        self._loaded = True
        return newest

    def save(self, record: bytes) -> None:
        """Replace the record. When this returns, the record is on the medium and was read back.

        Raises JournalError if it is not read back equal, and what the slots raise; then the
        record before is still there. Raises as `load` does if nothing was loaded yet.
        """
        if not self._loaded:
            self.load()
        first = self._sequence == 0
        self._save(record)
        if first:
            # Both slots are written before the first save returns. One slot that is bad while the
            # other is empty is thus always a first save cut short, never a lost record.
            self._save(record)

    def _save(self, record: bytes) -> None:
        slot = 1 - self._slot
        sequence = self._sequence + 1
        data = _pack(sequence, record)
        self._slots.write(slot, data)
        if self._slots.read(slot)[: len(data)] != data:
            raise JournalError("journal: slot " + str(slot) + " is not read back as written")
        self._sequence = sequence
        self._slot = slot


def _pack(sequence: int, record: bytes) -> bytes:
    crc = binascii.crc32(struct.pack(">QI", sequence, len(record)) + record)
    return struct.pack(_HEADER, _MAGIC, sequence, len(record), crc) + record


def _unpack(data: bytes) -> tuple[int, bytes] | None:
    """The sequence number and the record in a slot, None if they are not intact."""
    if len(data) < _HEADER_SIZE:
        return None
    magic, sequence, length, crc = struct.unpack_from(_HEADER, data, 0)
    # The length first: a torn one may be no machine word of a 32-bit board, and can't be sliced by.
    if length > len(data) - _HEADER_SIZE or magic != _MAGIC or not 0 < sequence < _SEQUENCES:
        return None
    record = data[_HEADER_SIZE : _HEADER_SIZE + length]
    if binascii.crc32(data[4:16] + record) != crc:
        return None
    return sequence, record
