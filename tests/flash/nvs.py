"""NVS as far as a journal has to know it: blobs replaced whole, in a log over few sectors.

For CPython and MicroPython. What a lost write leaves is worse here than Espressif promises: the
blob that was being written may be the old one, the new one, a mixture or gone. The others are
whole. Pages, entries and what is moved when a page is freed are counted as Espressif describes them
(ESP-IDF, "Non-Volatile Storage Library").
"""

PAGES = 6
"""Sectors of the partition `nvs` on MicroPython's own image: 0x6000 bytes."""
ENTRIES = 126
"""Entries of 32 bytes on a page."""
NOT_FOUND = -0x1102
INVALID_LENGTH = -0x110C


def entries(size):
    """Entries of a blob of so many bytes: a header, the bytes, and an index."""
    return 1 + (size + 31) // 32 + 1


class Nvs:
    """`esp32.NVS` for one name space."""

    def __init__(self):
        self.blobs = {}
        self.erasures = [0] * PAGES
        self.lost = None
        """What the next write leaves of (old, new), if power is to go then."""
        self._pages = [{} for _ in range(PAGES)]
        self._used = [0] * PAGES
        self._free = list(range(1, PAGES))
        self._in_use = [0]
        self._at = 0

    def get_blob(self, key, buffer):
        """Copy a blob into the buffer; its length. Raises OSError."""
        found = self.blobs.get(key)
        if found is None:
            raise OSError(NOT_FOUND, "ESP_ERR_NVS_NOT_FOUND")
        if len(found) > len(buffer):
            raise OSError(INVALID_LENGTH, "ESP_ERR_NVS_INVALID_LENGTH")
        buffer[: len(found)] = found
        return len(found)

    def set_blob(self, key, value):
        """Replace a blob."""
        new = bytes(value)
        if self.lost is not None:
            left = self.lost(self.blobs.get(key, b""), new)
            if left is None:
                self.blobs.pop(key, None)
            else:
                self.blobs[key] = left
            raise PowerLost
        self._place(key, entries(len(new)))
        self.blobs[key] = new

    def commit(self):
        """Nothing is left to do: a blob is written when it is set."""

    def _place(self, key, size):
        """Write a blob of `size` entries at the end of the log; its chunks may lie on two pages."""
        old = [page.pop(key, 0) for page in self._pages]
        while size:
            room = ENTRIES - self._used[self._at]
            if room == 0:
                self._next_page(old)
                continue
            part = min(room, size)
            page = self._pages[self._at]
            page[key] = page.get(key, 0) + part
            self._used[self._at] += part
            size -= part

    def _next_page(self, old):
        """Take an empty page; the last one is always kept free for moving what lives on another."""
        full = list(self._in_use)
        self._at = self._free.pop(0)
        self._in_use.append(self._at)
        if self._free:
            return
        # The oldest of those on which least lives. What is being replaced lives until its successor
        # is whole.
        living = [sum(self._pages[page].values()) + old[page] for page in full]
        if min(living) == ENTRIES:
            raise OSError(-0x1105, "ESP_ERR_NVS_NOT_ENOUGH_SPACE")
        victim = full[living.index(min(living))]
        self._pages[self._at] = self._pages[victim]
        self._used[self._at] = min(living)
        old[self._at], old[victim] = old[victim], 0
        self._pages[victim] = {}
        self._used[victim] = 0
        self.erasures[victim] += 1
        self._in_use.remove(victim)
        self._free.append(victim)


class PowerLost(Exception):
    """The power went within a write."""
