"""One message that reaches two workers, as a shared subscription may do while it is dealt out anew
(N10): one effect, on each database."""

import random
import threading
from collections.abc import Callable, Iterator

import pytest

from gateway.ingest.context import LEASE, Context
from gateway.ingest.inbox import Received
from gateway.ingest.ingest import process
from gateway.ingest.replies import Outgoing
from gateway.keys import GatewayKeys
from gateway.metrics import Metrics
from gateway.store import lease
from gateway.store.engine import Store, open_store
from gateway.store.errors import Fenced
from tests.ingest.parties import Clock, Gateway, kind_of
from tests.ingest.snapshot import books
from tests.store.engines import migrated_url

__all__ = ["migrated_url"]

KEYS = GatewayKeys(bytes(range(32)))


@pytest.fixture
def gateway(migrated_url: str) -> Iterator[Gateway]:
    """A gateway on each kind of database."""
    clock = Clock()
    store = open_store(migrated_url, clock=clock)
    yield Gateway(store, clock, KEYS)
    store.close()


def _token(gateway: Gateway) -> int:
    """The lease's token now, for a worker that believes it is the one."""
    with gateway.store.write() as conn:
        return lease.take(conn, LEASE, "test")


def _two(gateway: Gateway, url: str) -> Iterator[tuple[Context, Store]]:
    token = _token(gateway)
    for _ in range(2):
        store = open_store(url, clock=gateway.clock)
        yield Context(store, KEYS, Metrics(), token), store


def _together(works: list[Callable[[], list[Outgoing]]]) -> list[list[Outgoing]]:
    """Run these at the same time; what each returned. Any error is the test's."""
    start = threading.Barrier(len(works))
    results: list[list[Outgoing]] = [[] for _ in works]
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            start.wait(10)
            results[number] = works[number]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
    return results


@pytest.mark.threat("N10", "D1", "D5")
def test_what_both_workers_take_has_one_effect(gateway: Gateway, migrated_url: str) -> None:
    """The same IOUs, opens and closes to both at once, in another order each: the mark is the
    greatest, there is one close and one entry, and both give the same answers in the end."""
    device = gateway.device()
    channel = device.opened(1)
    ious = [device.iou(channel, units) for units in (5, 9, 9, 40, 40, 12)]
    orders: list[list[Received]] = []
    for seed in (1, 2):
        order = [*ious, device.open(device.terms(2))]
        random.Random(seed).shuffle(order)
        orders.append(order)
    workers = list(_two(gateway, migrated_url))
    for messages in zip(*orders, strict=True):
        _together(
            [
                lambda context=context, message=message: process(context, [message])
                for (context, _), message in zip(workers, messages, strict=True)
            ]
        )
    assert gateway.mark(channel) == (12_000, 40, "open")
    assert gateway.count("channel") == 2
    final = device.close(channel, ious[3].payload)
    answers = _together(
        [lambda context=context: process(context, [final]) for context, _ in workers]
    )
    receipts = {each.payload for batch in answers for each in batch if kind_of(each) == "receipt"}
    assert len(receipts) == 1
    assert gateway.mark(channel) == (12_000, 40, "closed")
    assert (gateway.count("entry"), gateway.count("interval")) == (1, 1)
    again = [process(context, [ious[3]]) for context, _ in workers]
    assert again[0] == again[1]
    for _, store in workers:
        store.close()


@pytest.mark.threat("N10", "D1")
def test_one_message_a_hundred_times_to_both_at_once(gateway: Gateway, migrated_url: str) -> None:
    device = gateway.device()
    channel = device.opened(1)
    workers = list(_two(gateway, migrated_url))
    message = device.iou(channel, 10)
    answers = _together(
        [
            lambda context=context: [
                answer for _ in range(10) for answer in process(context, [message] * 10)
            ]
            for context, _ in workers
        ]
    )
    # Byte for byte the same ack, whichever worker was first.
    assert len({answer.payload for batch in answers for answer in batch}) == 1
    assert gateway.mark(channel) == (3_000, 10, "open")
    for _, store in workers:
        store.close()


@pytest.mark.threat("N10", "C7")
def test_a_worker_that_was_replaced_leaves_no_trace(gateway: Gateway, migrated_url: str) -> None:
    device = gateway.device()
    channel = device.opened(1)
    ((old, first), (_, second)) = _two(gateway, migrated_url)
    new = Context(second, KEYS, Metrics(), _token(gateway))
    before = books(gateway)
    for message in (device.iou(channel, 10), device.open(device.terms(2)), device.close(channel)):
        with pytest.raises(Fenced):
            process(old, [message])
    assert books(gateway) == before
    (answer,) = process(new, [device.iou(channel, 10)])
    assert gateway.ack(device, answer).units == 10
    for store in (first, second):
        store.close()


@pytest.mark.threat("N10", "D3")
def test_two_ious_that_contradict_each_other_to_one_worker_each(
    gateway: Gateway, migrated_url: str
) -> None:
    """Whichever comes first counts; the other one is evidence, and the channel waits."""
    device = gateway.device()
    channel = device.opened(1)
    pair = [device.iou(channel, 10), device.iou(channel, 9, 3_000)]
    workers = list(_two(gateway, migrated_url))
    # The second is no IOU of this tariff: it must not count even where it comes first.
    _together(
        [
            lambda context=context, message=message: process(context, [message])
            for (context, _), message in zip(workers, pair, strict=True)
        ]
    )
    amount, units, state = gateway.mark(channel)
    assert (amount, units) == (3_000, 10)
    assert (state, len(gateway.evidence(channel))) in (("open", 0), ("frozen", 1))
    for _, store in workers:
        store.close()
