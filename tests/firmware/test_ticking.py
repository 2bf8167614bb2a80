"""A device that pays by ticks against the gateway's hot path: whole lives, losses and resets."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.ingest.inbox import Received
from gateway.operations import channels as office
from protocol import topics
from protocol.hashchain import Chain
from protocol.ticker import RESERVE
from tests.firmware.pair import MemorySlots, Pair
from tests.ingest.parties import PRICE, gateway_in

LENGTH = 50
STEP = 1_000


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A device that ticks, and its gateway."""
    gateway = gateway_in(tmp_path)
    yield Pair(gateway, gateway.device(), step=STEP, chain_length=LENGTH)
    gateway.store.close()


def said(pair: Pair, kind: str) -> int:
    """How often the device said this."""
    return sum(each == kind for each, _ in pair.said)


def begin(pair: Pair) -> None:
    """Pay one unit by the IOU that the first chain hangs on."""
    pair.connect()
    pair.meter(1)
    pair.wait(2_000)
    assert pair.units_paid() == 1


def test_each_unit_is_paid_by_a_tick_and_a_chain_that_runs_out_is_renewed_by_one_signature(
    pair: Pair,
) -> None:
    begin(pair)
    for units in range(2, 4 * LENGTH):
        pair.meter(1)
        assert pair.units_paid() == units
    assert said(pair, "iou") == 4
    assert said(pair, "tick") == 4 * LENGTH - 1 - 4
    assert pair.device.unpaid() == 0


def test_the_journal_is_written_once_for_many_ticks(pair: Pair) -> None:
    pair.chain_length = 1_000
    pair.boot()
    begin(pair)
    before = pair.slots.writes
    pair.meter(10 * RESERVE)
    assert pair.slots.writes - before <= 11


def test_what_ticks_said_is_said_by_a_signature_at_the_close(pair: Pair) -> None:
    begin(pair)
    pair.meter(20)
    pair.deliver(pair.device.finish(pair.now))
    assert pair.units_paid() == 21
    assert pair.device.channels == []
    assert pair.device.unpaid() == 0


def test_lost_ticks_cost_nothing(pair: Pair) -> None:
    begin(pair)
    chance = random.Random(5)
    pair.up = lambda message: [message] if chance.random() < 0.3 else []
    pair.meter(6 * LENGTH)
    pair.up = lambda message: [message]
    pair.settle()
    assert pair.units_paid() == pair.device.total == 1 + 6 * LENGTH


def test_a_lost_iou_is_made_good_when_its_ticks_are_refused(pair: Pair) -> None:
    pair.connect()
    lost = []

    def lose_first(message: Received) -> list[Received]:
        if topics.parse(message.topic, "up")[1] == "iou" and not lost:
            lost.append(message)
            return []
        return [message]

    pair.up = lose_first
    pair.meter(1)
    pair.wait(2_000)
    assert lost
    pair.meter(5)
    pair.settle()
    assert pair.units_paid() == 6
    pair.meter(5)
    pair.settle()
    assert pair.units_paid() == 11


def test_a_full_channel_is_closed_and_the_rest_is_ticked_on_the_next(pair: Pair) -> None:
    pair.device.capacity = 40 * PRICE.numerator
    begin(pair)
    for _ in range(10):
        pair.meter(13)
        pair.settle()
    assert pair.device.unpaid() == 0
    assert pair.units_paid() == pair.device.total == 131
    assert said(pair, "close") == 3


@pytest.mark.threat("C11", "D12")
@pytest.mark.parametrize("ticked", [1, 5, RESERVE, RESERVE + 1, 2 * RESERVE + 3])
def test_a_power_cut_between_two_writes_loses_no_payment_and_pays_nothing_twice(
    pair: Pair, ticked: int
) -> None:
    pair.chain_length = 1_000
    pair.boot()
    begin(pair)
    pair.meter(ticked)
    assert pair.units_paid() == 1 + ticked
    pair.boot()
    pair.connect()
    # What was paid for counts as delivered, though the meter forgot it.
    pair.meter(10)
    pair.settle()
    assert pair.units_paid() == 1 + ticked + 10


def test_ticks_on_their_way_at_a_power_cut_are_taken_up_when_they_arrive(pair: Pair) -> None:
    pair.chain_length = 1_000
    pair.boot()
    begin(pair)
    late: list[Received] = []
    pair.up = lambda message: late.append(message) or []  # type: ignore[func-returns-value]
    pair.meter(40)
    pair.boot()
    pair.up = lambda message: [message]
    pair.connect()
    assert pair.units_paid() < 41
    pair.gateway.take(*late)
    assert pair.units_paid() == 41
    pair.meter(5)
    pair.settle()
    assert pair.device.unpaid() == 0
    # Of these 5 the first was metered before it heard of the 41, and counts as one of them.
    assert pair.units_paid() == 45


@pytest.mark.threat("D12")
def test_a_wiped_device_takes_up_its_ticks_from_the_resume(pair: Pair) -> None:
    begin(pair)
    pair.meter(20)
    pair.slots = MemorySlots()
    pair.boot()
    pair.connect()
    assert pair.device.unpaid() == 0
    pair.meter(7)
    pair.settle()
    assert pair.units_paid() == 28


@pytest.mark.threat("C11", "D12")
def test_a_journal_that_fell_back_by_a_record_takes_up_its_ticks_for_good(pair: Pair) -> None:
    """What the gateway proves beyond the reserve that is remembered must survive another cut."""
    pair.chain_length = 1_000
    pair.boot()
    begin(pair)
    older = list(pair.slots.slots)
    pair.meter(2 * RESERVE + 5)
    pair.slots.slots = older
    for _ in range(2):
        pair.boot()
        pair.connect()
        assert pair.device.unpaid() == 0
    pair.meter(10)
    pair.settle()
    assert pair.units_paid() == 1 + 2 * RESERVE + 5 + 10


@pytest.mark.threat("C11", "D12")
def test_a_power_cut_while_two_channels_with_ticks_are_taken_up_leaves_a_readable_journal(
    pair: Pair,
) -> None:
    for nonce in (1, 2):
        channel = pair.party.opened(nonce=nonce)
        chain = Chain(bytes([nonce]) * 32, LENGTH)
        pair.gateway.take(pair.party.iou_with_chain(channel, 10, chain))
        pair.gateway.take(pair.party.tick(channel, 9, chain.value(9)))
    pair.slots = kept = KeptSlots()
    pair.boot()
    pair.connect()
    assert pair.units_paid() == 38
    assert len(kept.states) > 1
    for slots in kept.states:
        pair.slots.slots = slots
        pair.boot()
        assert pair.device.channels or pair.device.receipts


class KeptSlots(MemorySlots):
    """Slots that keep what they held after each write, which a power cut could leave."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[list[bytes]] = []

    def write(self, slot: int, data: bytes) -> None:
        super().write(slot, data)
        self.states.append(list(self.slots))


def test_a_close_that_was_lost_is_said_again_while_the_next_channel_is_ticked_on(
    pair: Pair,
) -> None:
    begin(pair)
    pair.party.opened(nonce=7)
    pair.slots = MemorySlots()
    pair.boot()
    pair.up = lambda message: [] if message.topic.endswith("/close") else [message]
    pair.connect()
    assert len(pair.device.channels) == 2
    pair.up = lambda message: [message]
    for _ in range(10):
        pair.meter(1)
        pair.wait(1_000)
    assert said(pair, "tick") > 5
    assert len(pair.device.channels) == 1


def test_a_channel_closed_by_an_operator_ends_at_its_last_tick(pair: Pair) -> None:
    begin(pair)
    pair.meter(20)
    channel = pair.device.channels[-1].id
    office.close(pair.gateway.store, channel)
    pair.keep_house()
    assert pair.device.current() is None or pair.device.channels[-1].id != channel
    pair.meter(5)
    pair.settle()
    assert pair.units_paid() == 26


def test_random_lives_pay_each_unit_once(tmp_path: Path) -> None:
    for seed in range(6):
        gateway = gateway_in(tmp_path_folder(tmp_path, seed))
        pair = Pair(gateway, gateway.device(), step=7, chain_length=30)
        chance = random.Random(seed)
        pair.up = lambda message, chance=chance: (  # type: ignore[misc]
            [message] * chance.choice([0, 1, 1, 1, 2])
        )
        pair.connect()
        delivered = 0
        for _ in range(60):
            before = pair.device.total
            pair.meter(chance.randrange(12))
            delivered += pair.device.total - before
            what = chance.randrange(10)
            if what == 0:
                pair.disconnect()
            elif what < 3:
                pair.wait(4_000)
            if not pair.connected:
                pair.connect()
        pair.up = lambda message: [message]
        pair.connect()
        pair.settle()
        assert pair.units_paid() == delivered == pair.device.total
        gateway.store.close()


def tmp_path_folder(folder: Path, seed: int) -> Path:
    """A folder of its own for each life."""
    made = folder / str(seed)
    made.mkdir()
    return made
