"""The inbox: nothing is lost in order, a flood is dropped before it costs anything."""

from dataclasses import dataclass

import pytest

from gateway.ingest import inbox as bounds
from gateway.ingest.inbox import MAX_WAITING_PER_DEVICE, Inbox, Received
from gateway.ingest.rates import SECOND, Rate
from protocol import topics

ALICE, MALLORY = "a" * 32, "b" * 32


@dataclass
class Clock:
    """Nanoseconds that only a test moves."""

    now: int = 5 * SECOND

    def __call__(self) -> int:
        return self.now


def _message(device: str, number: int, kind: str = "iou") -> Received:
    return Received(topics.up(device, kind), number.to_bytes(4, "big"))


def _taken(inbox: Inbox, device: str, kind: str = "iou") -> int:
    """How many messages of this device are in the next batch."""
    topic = topics.up(device, kind)
    return sum(each.topic == topic and not each.limited for each in inbox.take(0))


def test_a_batch_is_all_that_arrived_in_order() -> None:
    inbox = Inbox()
    messages = [_message(ALICE, number) for number in range(10)]
    assert inbox.put(messages) == []
    assert inbox.take(0) == messages
    assert inbox.take(0) == []


@pytest.mark.threat("D14")
def test_d14_a_device_that_floods_is_dropped_and_others_are_not() -> None:
    inbox = Inbox()
    flood = [_message(MALLORY, number) for number in range(10_000)]
    assert inbox.put(flood) == flood[MAX_WAITING_PER_DEVICE:]
    assert inbox.dropped == 10_000 - MAX_WAITING_PER_DEVICE
    assert inbox.put([_message(ALICE, 0)]) == []
    batch = inbox.take(0)
    assert sum(not each.limited for each in batch) == MAX_WAITING_PER_DEVICE + 1
    assert inbox.put([_message(MALLORY, 0)]) == []


@pytest.mark.threat("D14")
def test_d14_a_device_gets_its_rate_and_its_burst_and_no_more() -> None:
    clock = Clock()
    inbox = Inbox(ious_per_second=10, ious_at_once=30, clock=clock)
    taken = 0
    for _ in range(50):
        for number in range(100):
            inbox.put([_message(MALLORY, number)])
        taken += _taken(inbox, MALLORY)
        clock.now += SECOND // 5
    assert taken == 30 + 49 * 2
    clock.now += 60 * SECOND
    inbox.put([_message(MALLORY, number) for number in range(100)])
    assert _taken(inbox, MALLORY) == 30


@pytest.mark.threat("D14")
def test_d14_a_flood_of_ious_leaves_room_for_what_opens_and_closes() -> None:
    clock = Clock()
    inbox = Inbox(ious_per_second=10, ious_at_once=30, clock=clock)
    inbox.put([_message(MALLORY, number) for number in range(1_000)])
    assert inbox.put([_message(MALLORY, 0, kind) for kind in ("hello", "open", "close")]) == []
    inbox.take(0)
    inbox.put([_message(MALLORY, number, "hello") for number in range(1_000)])
    assert _taken(inbox, MALLORY, "hello") == bounds.CONTROL_AT_ONCE - 3
    inbox.put([_message(ALICE, 0, "open")])
    assert _taken(inbox, ALICE, "open") == 1


@pytest.mark.threat("D14")
def test_d14_who_says_too_much_is_told_so_once_in_a_while() -> None:
    clock = Clock()
    inbox = Inbox(ious_per_second=1, ious_at_once=1, clock=clock)
    told = 0
    for _ in range(100):
        inbox.put([_message(MALLORY, number) for number in range(100)])
        told += sum(each.limited for each in inbox.take(0))
        clock.now += SECOND // 5
    assert told == 2


@pytest.mark.threat("D14", "C13")
def test_d14_memory_is_bounded_however_many_names_there_are() -> None:
    rate = Rate(SECOND, 1, most=100)
    allowed = sum(rate.allows(f"{number}", 0) for number in range(10_000))
    assert (allowed, len(rate)) == (100, 100)
    assert rate.allows("another", 10 * SECOND)
    assert len(rate) == 1


def test_a_closed_inbox_does_not_keep_its_taker_waiting() -> None:
    inbox = Inbox()
    inbox.close()
    assert inbox.take(60) == []
