# The journal on a chip whose power goes at every erasure and every byte.
import random

from firmware.journal import Journal
from firmware.nvs_slots import NvsSlots
from tests.flash.nor import Nor, SectorSlots
from tests.flash.nvs import Nvs, PowerLost

random.seed(3)


def record(number):
    return b"%06d" % number * (1 + number % 3)


nor = Nor(2, 128)
journal = Journal(SectorSlots(nor))
journal.save(record(0))
for number in range(1, 61):
    twin = nor.copy()
    nor.log = []
    journal.save(record(number))
    log, nor.log = nor.log, None
    found = None
    for _ in twin.moments(log, random):
        found = Journal(SectorSlots(twin)).load()
        assert found in (record(number - 1), record(number)), number
    assert found == record(number)

for left in (
    lambda old, new: old,
    lambda old, new: new,
    lambda old, new: None,
    lambda old, new: new[:20] + old[20:],
):
    store = Nvs()
    Journal(NvsSlots(store)).save(record(0))
    for number in range(1, 40):
        store.lost = left
        try:
            Journal(NvsSlots(store)).save(record(number))
            raise AssertionError("it was not lost")
        except PowerLost:
            pass
        store.lost = None
        assert Journal(NvsSlots(store)).load() in (record(number - 1), record(number))
        Journal(NvsSlots(store)).save(record(number))
print("OK")
