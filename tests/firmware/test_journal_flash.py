"""The journal on flash whose power goes: at every erasure and every byte, straight on the chip, on
LittleFS as an ESP32 has it, and in NVS; and for how many years the flash bears it."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from firmware import journal as journal_module
from firmware import paying
from firmware.journal import FileSlots, Journal
from firmware.nvs_slots import LARGEST, NvsSlots
from tests.firmware.pair import Pair
from tests.flash.files import SECTORS_2_MB, board_modules, mounted
from tests.flash.nor import Nor, SectorSlots
from tests.flash.nvs import Nvs, PowerLost
from tests.ingest.parties import gateway_in
from tests.sizes import size

MINUTES_A_YEAR = 525_600
ERASURES = 100_000
"""What a sector of NOR flash is good for."""


def record(number: int) -> bytes:
    """A record that shows what it is: no mixture of two is one."""
    shown = hashlib.sha256(b"%d" % number).digest()
    return number.to_bytes(4, "big") + shown[: 8 + 8 * (number % 4)]


@pytest.mark.threat("C11", "D12")
def test_c11_on_a_bare_chip_power_lost_at_every_byte_leaves_the_last_record_or_the_one_before() -> (
    None
):
    random = Random(1)
    nor = Nor(2, sector_size=256)
    journal = Journal(SectorSlots(nor))
    journal.save(record(0))
    for number in range(1, 1 + size("journal_updates", 1_000, 20_000)):
        twin = nor.copy()
        nor.log = []
        journal.save(record(number))
        log, nor.log = nor.log, None
        found: bytes | None = b""
        for done in twin.moments(log, random):
            found = Journal(SectorSlots(twin)).load()
            assert found in (record(number - 1), record(number))
            if done:
                after = Journal(SectorSlots(twin.copy()))
                after.save(record(number + 1))
                assert after.load() == record(number + 1)
        assert found == record(number)


@pytest.fixture
def on_littlefs(monkeypatch: pytest.MonkeyPatch) -> Callable[[Nor], Journal]:
    """The journal of a board that is switched on with this chip."""

    def boot(nor: Nor, fresh: bool = False) -> Journal:
        files = mounted(nor, fresh)
        if fresh:
            files.mkdir("/journal")
        for name, value in board_modules(files).items():
            monkeypatch.setattr(journal_module, name, value, raising=False)
        return Journal(FileSlots("/journal"))

    return boot


@pytest.mark.threat("C11", "D12")
@pytest.mark.parametrize(
    ("updates", "each_byte"),
    [(size("journal_operations", 100, 1_000), False), (size("journal_littlefs", 5, 1_000), True)],
    ids=["every operation", "every byte"],
)
def test_c11_on_littlefs_power_lost_anywhere_leaves_the_last_record_or_the_one_before(
    on_littlefs: Callable[..., Journal], updates: int, each_byte: bool
) -> None:
    random = Random(2)
    nor = Nor(24)
    on_littlefs(nor, fresh=True).save(record(0))
    for number in range(1, 1 + updates):
        twin = nor.copy()
        journal = on_littlefs(nor)
        nor.log = []
        journal.save(record(number))
        log, nor.log = nor.log, None
        found: bytes | None = b""
        for done in twin.moments(log, random):
            if done or each_byte:
                found = on_littlefs(twin).load()
                assert found in (record(number - 1), record(number))
        assert found == record(number)


_LEFT: dict[str, Callable[[bytes, bytes], bytes | None]] = {
    "the old": lambda old, new: old,
    "the new": lambda old, new: new,
    "nothing": lambda old, new: None,
    "half of each": lambda old, new: new[: len(new) // 2] + old[len(new) // 2 :],
    "the beginning": lambda old, new: new[:17],
}


@pytest.mark.threat("C11", "D12")
@pytest.mark.parametrize("left", _LEFT)
def test_c11_in_nvs_a_lost_write_leaves_the_last_record_or_the_one_before(left: str) -> None:
    store = Nvs()
    Journal(NvsSlots(store)).save(record(0))
    for number in range(1, 200):
        store.lost = _LEFT[left]
        with pytest.raises(PowerLost):
            Journal(NvsSlots(store)).save(record(number))
        store.lost = None
        journal = Journal(NvsSlots(store))
        assert journal.load() in (record(number - 1), record(number))
        journal.save(record(number))
        assert Journal(NvsSlots(store)).load() == record(number)


def test_nvs_that_fails_is_an_error_and_no_fresh_start() -> None:
    store = Nvs()
    Journal(NvsSlots(store)).save(record(0))
    store.blobs["journal0"] = bytes(LARGEST + 1)
    with pytest.raises(OSError, match="INVALID_LENGTH"):
        Journal(NvsSlots(store)).load()
    with pytest.raises(OSError, match="at most"):
        NvsSlots(store).write(0, bytes(LARGEST + 1))


@pytest.fixture
def full_record(tmp_path: Path) -> Iterator[bytes]:
    """The record of a device that has had many channels: all that one ever keeps."""
    gateway = gateway_in(tmp_path)
    pair = Pair(gateway, gateway.device())
    pair.connect()
    for _ in range(5):
        pair.meter(2)
        pair.deliver(paying.close(pair.device, pair.now))
    pair.meter(2)
    kept = Journal(pair.slots).load()
    assert kept is not None
    assert len(pair.device.receipts) == 4
    yield kept
    gateway.store.close()


def _years(erasures: list[int], saves: int) -> float:
    """At one save a minute, until the sector that is erased most is worn out."""
    return ERASURES * saves / max(erasures) / MINUTES_A_YEAR


def test_littlefs_bears_a_write_a_minute_for_thirty_years(
    on_littlefs: Callable[..., Journal], full_record: bytes
) -> None:
    saves = size("littlefs_wear", 2_000, 40_000)
    nor = Nor(SECTORS_2_MB)
    files = mounted(nor, fresh=True)
    files.mkdir("/lib")
    for number in range(50):  # the program
        with files.open(f"/lib/{number}.py", "wb") as file:
            file.write(bytes(4_000))
    files.mkdir("/journal")
    journal = on_littlefs(nor)
    for number in range(saves):
        journal.save(full_record + number.to_bytes(4, "big"))
    assert _years(nor.erasures, saves) > 30


def test_nvs_bears_a_write_in_a_quarter_of_an_hour_for_twenty_years(full_record: bytes) -> None:
    saves = 5_000
    store = Nvs()
    store.set_blob("seed", bytes(32))
    store.set_blob("what Wi-Fi keeps", bytes(1_500))
    journal = Journal(NvsSlots(store))
    for number in range(saves):
        journal.save(full_record + number.to_bytes(4, "big"))
    assert max(store.erasures) < 3 * min(each for each in store.erasures if each)
    assert _years(store.erasures, saves) * 15 > 20
