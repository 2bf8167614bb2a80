"""A device's flash: the two slots of its journal, which outlive a reset, and what can happen to it.

A write that power cuts short leaves the first bytes of the new record before the rest of the old
one. What the journal makes of that is the firmware's to decide.
"""

_IMAGES = 16


class PowerCut(BaseException):
    """The device lost power within a write; not an Exception, since nothing survives to catch
    it."""


class Flash:
    """Two slots in memory, with images of what was there after the last writes."""

    def __init__(self) -> None:
        self.slots = [b"", b""]
        self.writes = 0
        self._images: list[tuple[bytes, bytes]] = []
        self._cut: tuple[int, int] | None = None

    def read(self, slot: int) -> bytes:
        """The bytes of a slot, empty if it was never written."""
        return self.slots[slot]

    def write(self, slot: int, data: bytes) -> None:
        """Write from the start of a slot. Raises PowerCut where one was planned."""
        self.writes += 1
        old = self.slots[slot]
        if self._cut is not None and self.writes >= self._cut[0]:
            kept = self._cut[1] % (len(data) + 1)
            self._cut = None
            self.slots[slot] = data[:kept] + old[kept:]
            raise PowerCut
        self.slots[slot] = data + old[len(data) :]
        self._images.append((self.slots[0], self.slots[1]))
        del self._images[:-_IMAGES]

    def cut_at(self, writes: int, kept: int) -> None:
        """Lose power at the write after `writes` more, with `kept` bytes (modulo its length)
        written."""
        self._cut = (self.writes + 1 + writes, kept)

    def cut_never(self) -> None:
        """Forget a planned loss of power."""
        self._cut = None

    def wipe(self) -> None:
        """Erase both slots."""
        self.slots = [b"", b""]

    def image(self, age: int) -> tuple[bytes, bytes] | None:
        """What the slots held `age` writes ago, or as long ago as is known; None if nothing."""
        return self._images[max(0, len(self._images) - 1 - age)] if self._images else None

    def put_back(self, image: tuple[bytes, bytes]) -> None:
        """Make the slots what they were once."""
        self.slots = list(image)

    def copy(self) -> "Flash":
        """Another chip with the same content."""
        other = Flash()
        other.slots = list(self.slots)
        return other
