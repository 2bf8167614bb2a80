"""The journal holds the last record or the one before, wherever power is lost."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.journal import FileSlots, Journal, JournalError, _pack


class PowerLoss(Exception):
    """The model's medium lost power in mid-write."""


# What a slot holds after `cut` bytes of `new` were written over `old`.
TEARS: dict[str, Callable[[bytes, bytes, int], bytes]] = {
    "the rest is old": lambda old, new, cut: new[:cut] + old[cut:],
    "the rest is missing": lambda old, new, cut: new[:cut],
    "the rest is erased": lambda old, new, cut: new[:cut] + b"\xff" * (len(new) - cut),
    "the rest is noise": lambda old, new, cut: new[:cut] + b"\xa5" * (len(new) - cut),
}


class Memory:
    """Two slots in memory, whose power can be made to fail."""

    def __init__(self) -> None:
        self.slots = [b"", b""]
        self.written: list[int] = []
        self.cut: tuple[int, int, Callable[[bytes, bytes, int], bytes]] | None = None

    def read(self, slot: int) -> bytes:
        return self.slots[slot]

    def write(self, slot: int, data: bytes) -> None:
        self.written.append(slot)
        if self.cut is not None and len(self.written) == self.cut[0]:
            self.slots[slot] = self.cut[2](self.slots[slot], data, self.cut[1])
            raise PowerLoss
        self.slots[slot] = data


def saved(count: int) -> Memory:
    memory = Memory()
    journal = Journal(memory)
    for number in range(count):
        journal.save(record(number))
    memory.written.clear()
    return memory


def record(number: int) -> bytes:
    return b"record %d " % number * (1 + number % 3)


@pytest.mark.threat("C11")
@pytest.mark.parametrize("tear", TEARS)
@pytest.mark.parametrize("before", [1, 2, 3, 4])
def test_a_cut_at_every_byte_leaves_the_last_or_the_one_before(before: int, tear: str) -> None:
    for cut in range(21 + len(record(before))):
        memory = saved(before)
        memory.cut = (1, cut, TEARS[tear])
        with pytest.raises(PowerLoss):
            Journal(memory).save(record(before))
        memory.cut = None
        journal = Journal(memory)
        found = journal.load()
        assert found in (record(before - 1), record(before))
        journal.save(b"after")
        assert Journal(memory).load() == b"after"
        assert not journal.damaged or found == record(before - 1)


@pytest.mark.threat("C11")
@pytest.mark.parametrize("tear", TEARS)
@pytest.mark.parametrize("write", [1, 2])
def test_a_cut_in_the_first_save_leaves_nothing_or_the_record(write: int, tear: str) -> None:
    for cut in range(21 + len(record(0))):
        memory = Memory()
        memory.cut = (write, cut, TEARS[tear])
        with pytest.raises(PowerLoss):
            Journal(memory).save(record(0))
        memory.cut = None
        assert Journal(memory).load() in ((None, record(0)) if write == 1 else (record(0),))
        Journal(memory).save(b"after")
        assert Journal(memory).load() == b"after"


@pytest.mark.threat("C5")
@pytest.mark.parametrize("before", [1, 2, 3])
def test_each_flipped_bit_is_seen(before: int) -> None:
    """A bad slot is told, and never read: the record of the other slot is."""
    intact = saved(before)
    for slot in (0, 1):
        for position in range(len(intact.slots[slot]) * 8):
            memory = saved(before)
            wrong = bytearray(memory.slots[slot])
            wrong[position >> 3] ^= 1 << (position & 7)
            memory.slots[slot] = bytes(wrong)
            journal = Journal(memory)
            assert journal.load() in (record(before - 1), record(max(before - 2, 0)))
            assert journal.damaged


@pytest.mark.parametrize("before", [1, 2, 5])
@pytest.mark.parametrize("rubbish", [b"x", bytes(64), b"\xff" * 64])
def test_two_bad_slots_are_an_error_and_no_fresh_start(before: int, rubbish: bytes) -> None:
    memory = saved(before)
    memory.slots = [rubbish, rubbish]
    with pytest.raises(JournalError, match="must have an intact slot"):
        Journal(memory).load()
    with pytest.raises(JournalError, match="must have an intact slot"):
        Journal(memory).save(b"new")
    assert memory.slots == [rubbish, rubbish]


def test_a_lost_first_slot_and_a_bad_second_are_an_error() -> None:
    memory = saved(1)
    memory.slots = [b"", b"rubbish"]
    with pytest.raises(JournalError):
        Journal(memory).load()


@pytest.mark.parametrize("number", [2**63, 2**64 - 1])
def test_a_slot_that_leaves_no_number_for_the_next_is_not_intact(number: int) -> None:
    """MicroPython would write the next one as number 0, which no load finds."""
    memory = saved(3)
    memory.slots[1] = _pack(number, b"from elsewhere")
    journal = Journal(memory)
    journal.load()
    assert journal.damaged
    journal.save(b"next")
    assert Journal(memory).load() == b"next"


def test_writes_alternate_between_the_slots() -> None:
    memory = saved(1)
    for number in range(10):
        Journal(memory).save(record(number))
    assert memory.written == [0, 1] * 5


def test_a_record_that_is_not_read_back_is_an_error_and_the_one_before_stays() -> None:
    memory = saved(3)
    journal = Journal(memory)
    kept = journal.load()
    memory.write = lambda slot, data: None  # type: ignore[method-assign]
    for _ in range(3):
        with pytest.raises(JournalError, match="not read back as written"):
            journal.save(b"lost")
    assert Journal(memory).load() == kept


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=8))
def test_the_last_of_any_records_is_found(records: list[bytes]) -> None:
    memory = Memory()
    journal = Journal(memory)
    for item in records:
        journal.save(item)
        assert Journal(memory).load() == item


def test_files_hold_the_record_over_restarts(tmp_path: Path) -> None:
    assert Journal(FileSlots(str(tmp_path))).load() is None
    for item in (b"a long record, the first one", b"", b"short", b"longer again" * 100, b"x"):
        Journal(FileSlots(str(tmp_path))).save(item)
        assert Journal(FileSlots(str(tmp_path))).load() == item
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal.0", "journal.1"]


def test_a_folder_that_is_missing_is_an_error_and_no_fresh_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        Journal(FileSlots(str(tmp_path / "nowhere"))).load()
