"""The inbox: nothing is lost in order, a flood is dropped before it costs anything."""

from gateway.ingest.inbox import MAX_WAITING_PER_DEVICE, Inbox, Received
from protocol import topics


def _message(device: str, number: int) -> Received:
    return Received(topics.up(device, "iou"), number.to_bytes(4, "big"))


def test_a_batch_is_all_that_arrived_in_order() -> None:
    inbox = Inbox()
    messages = [_message("a" * 32, number) for number in range(10)]
    assert inbox.put(messages) == []
    assert inbox.take(0) == messages
    assert inbox.take(0) == []


def test_d14_a_device_that_floods_is_dropped_and_others_are_not() -> None:
    inbox = Inbox()
    flood = [_message("a" * 32, number) for number in range(10_000)]
    assert inbox.put(flood) == flood[MAX_WAITING_PER_DEVICE:]
    assert inbox.dropped == 10_000 - MAX_WAITING_PER_DEVICE
    assert inbox.put([_message("b" * 32, 0)]) == []
    assert len(inbox.take(0)) == MAX_WAITING_PER_DEVICE + 1
    assert inbox.put([_message("a" * 32, 0)]) == []


def test_a_closed_inbox_does_not_keep_its_taker_waiting() -> None:
    inbox = Inbox()
    inbox.close()
    assert inbox.take(60) == []
