"""NOR flash as a chip has it: an erasure makes a sector's bits ones, programming makes some of them
zeros, and power can go in the middle of either.

For CPython and MicroPython. What lies on the flash is not this file's to know.
"""

SECTOR = 4096
WORD = 4
"""Bytes that are programmed at once: where power goes, each bit of them may be done or not."""


class Nor:
    """A chip of so many sectors. `log` takes down what is done, as (at, data) of what was
    programmed and (sector, None) of what was erased, while it is a list."""

    def __init__(self, sectors, sector_size=SECTOR):
        self.sector_size = sector_size
        self.cells = bytearray(b"\xff" * (sectors * sector_size))
        self.erasures = [0] * sectors
        self.log = None

    def read(self, at, size):
        """The bytes from `at` on."""
        return bytes(self.cells[at : at + size])

    def program(self, at, data):
        """Make zeros of ones. A bit that is zero already stays so, whatever is asked for."""
        if self.log is not None:
            self.log.append((at, bytes(data)))
        _program(self.cells, at, data)

    def erase(self, sector):
        """Make ones of a whole sector."""
        if self.log is not None:
            self.log.append((sector, None))
        self.erasures[sector] += 1
        _erase(self.cells, sector, self.sector_size)

    def copy(self):
        """Another chip with the same content."""
        other = Nor(0, self.sector_size)
        other.cells[:] = self.cells
        other.erasures = list(self.erasures)
        return other

    def moments(self, log, random):
        """Do what stands in `log` once more, and stop wherever power can go: within each erasure,
        and at each byte that is programmed, its word being torn. Yields whether an operation has
        just been finished; the chip is then as the power would leave it."""
        for where, data in log:
            if data is None:
                for _ in self._erasing(where, random):
                    yield False
            else:
                for _ in self._programming(where, data, random):
                    yield False
            yield True

    def _erasing(self, sector, random):
        start = sector * self.sector_size
        before = self.cells[start : start + self.sector_size]
        half = self.sector_size // 2
        self.cells[start : start + half] = b"\xff" * half
        yield
        # Bits turn to ones in any order.
        mask = random.getrandbits(8)
        self.cells[start : start + self.sector_size] = bytes([each | mask for each in before])
        yield
        _erase(self.cells, sector, self.sector_size)

    def _programming(self, at, data, random):
        for position in range(len(data)):
            start = at + position
            end = at + min(len(data), (position // WORD + 1) * WORD)
            before = bytes(self.cells[start:end])
            # Of the bits that are to be zeros, any are so yet.
            torn = [byte | random.getrandbits(8) for byte in data[position : end - at]]
            _program(self.cells, start, bytes(torn))
            yield
            self.cells[start:end] = before
            _program(self.cells, start, data[position : position + 1])


class SectorSlots:
    """A journal's slots with nothing between them and the chip: one sector each."""

    def __init__(self, nor):
        self.nor = nor

    def read(self, slot):
        """The sector, nothing if it is erased."""
        found = self.nor.read(slot * self.nor.sector_size, self.nor.sector_size)
        return b"" if found == b"\xff" * len(found) else found

    def write(self, slot, data):
        """Erase it and program it."""
        self.nor.erase(slot)
        self.nor.program(slot * self.nor.sector_size, data)


def _program(cells, at, data):
    size = len(data)
    now = int.from_bytes(bytes(cells[at : at + size]), "big")
    cells[at : at + size] = (now & int.from_bytes(data, "big")).to_bytes(size, "big")


def _erase(cells, sector, size):
    cells[sector * size : (sector + 1) * size] = b"\xff" * size
