# The journal on the board's own files: survives a write cut at every byte, tells when all is lost.
import os

from firmware.journal import FileSlots, Journal, JournalError

os.mkdir("/journal")  # noqa: PTH102 - no pathlib here
slots = FileSlots("/journal")
assert Journal(slots).load() is None
journal = Journal(slots)
for number in range(5):
    journal.save(b"record %d" % number)
    assert Journal(slots).load() == b"record %d" % number
journal.save(b"")
assert Journal(slots).load() == b""
journal.save(b"longer than before")
journal.save(b"last")


class Torn:
    # Stops the write after `length` bytes.
    def __init__(self, length):
        self.length = length

    def read(self, slot):
        return slots.read(slot)

    def write(self, slot, data):
        slots.write(slot, data[: self.length])
        if self.length < len(data):
            raise OSError(5)


for length in range(25):
    before = Journal(slots).load()
    try:
        Journal(Torn(length)).save(b"%04d" % length)
        assert length == 24
    except OSError:
        pass
    assert Journal(slots).load() in (before, b"%04d" % length)

for slot in (0, 1):
    with open("/journal/journal." + str(slot), "wb") as file:  # noqa: PTH123
        file.write(b"rubbish")
try:
    Journal(slots).load()
    raise AssertionError("JournalError expected")
except JournalError:
    pass
print("OK")
