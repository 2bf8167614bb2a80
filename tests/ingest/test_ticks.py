"""What becomes of ticks: which raise the mark, what is answered, what leaves no trace."""

import random

import pytest

from gateway.store import channels
from protocol import envelope, hashchain
from protocol.hashchain import MAX_LENGTH, MAX_STEPS, Chain
from protocol.messages import Iou, read_resume
from protocol.pricing import Tariff
from tests.ingest.parties import CAPACITY, PRICE, WINDOW, Gateway, Party, kind_of

SECRET = b"s" * 32
BASE = 10


def ticking(gateway: Gateway, length: int = 100) -> tuple[Party, bytes, Chain]:
    """A device whose last IOU, for BASE units, commits to a chain."""
    device = gateway.device()
    channel = device.opened()
    chain = Chain(SECRET, length)
    (answer,) = gateway.take(device.iou_with_chain(channel, BASE, chain))
    assert kind_of(answer) == "ack"
    return device, channel, chain


def test_a_tick_raises_the_mark_by_one_unit_and_is_acknowledged(gateway: Gateway) -> None:
    device, channel, chain = ticking(gateway)
    (answer,) = gateway.take(device.tick(channel, 1, chain.value(1)))
    ack = gateway.ack(device, answer)
    assert (ack.amount, ack.units, ack.limit) == (3_300, 11, 11 + WINDOW)
    assert gateway.mark(channel) == (3_300, 11, "open")


@pytest.mark.threat("D5")
def test_lost_doubled_and_reordered_ticks_cost_nothing(gateway: Gateway) -> None:
    device, channel, chain = ticking(gateway)
    sent = [device.tick(channel, index, chain.value(index)) for index in range(1, 51)]
    shuffled = random.Random(3).sample(sent * 2, 60)
    for start in range(0, 60, 7):
        gateway.take(*shuffled[start : start + 7])
    gateway.take(sent[-1])
    assert gateway.mark(channel) == ((BASE + 50) * 300, BASE + 50, "open")


def test_of_many_ticks_in_a_batch_one_ack_says_the_furthest(gateway: Gateway) -> None:
    device, channel, chain = ticking(gateway)
    batch = [device.tick(channel, index, chain.value(index)) for index in range(1, 31)]
    (answer,) = gateway.take(*batch)
    assert gateway.ack(device, answer).units == BASE + 30


@pytest.mark.threat("D2")
def test_a_tick_that_is_known_is_answered_with_the_current_ack(gateway: Gateway) -> None:
    device, channel, chain = ticking(gateway)
    gateway.take(device.tick(channel, 9, chain.value(9)))
    (answer,) = gateway.take(device.tick(channel, 4, chain.value(4)))
    assert gateway.ack(device, answer).units == BASE + 9
    assert gateway.mark(channel)[1] == BASE + 9


def test_an_iou_and_the_ticks_that_follow_it_are_taken_in_one_batch(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    chain = Chain(SECRET, 20)
    gateway.take(
        device.tick(channel, 2, chain.value(2)), device.iou_with_chain(channel, BASE, chain)
    )
    assert gateway.mark(channel)[1] == BASE + 2


@pytest.mark.threat("D8")
def test_forged_foreign_skipped_and_overlong_ticks_are_refused(gateway: Gateway) -> None:
    device, channel, chain = ticking(gateway)
    _other, other_channel, other_chain = ticking(gateway, 7)
    foreign = Chain(b"t" * 32, 100)
    assert gateway.reasons(device, device.tick(channel, 1, b"x" * 32)) == ["bad_tick"]
    assert gateway.reasons(device, device.tick(channel, 1, foreign.value(1))) == ["bad_tick"]
    assert gateway.reasons(device, device.tick(channel, 3, chain.value(2))) == ["bad_tick"]
    assert gateway.reasons(device, device.tick(channel, 101, chain.value(100))) == ["bad_tick"]
    # Another device's channel is none of this one's.
    assert gateway.reasons(device, device.tick(other_channel, 1, other_chain.value(1))) == [
        "no_chain"
    ]
    assert gateway.mark(channel)[1] == gateway.mark(other_channel)[1] == BASE


def test_a_forged_tick_hides_no_good_one(gateway: Gateway) -> None:
    device, channel, chain = ticking(gateway)
    answers = gateway.take(
        device.tick(channel, 5, chain.value(5)),
        device.tick(channel, 6, b"x" * 32),
        device.tick(channel, 7, b"x" * 32),
    )
    assert sorted(kind_of(each) for each in answers) == ["ack", "refused", "refused"]
    assert gateway.mark(channel)[1] == BASE + 5


@pytest.mark.threat("D14")
def test_the_work_that_one_tick_can_ask_for_is_bounded(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = gateway.device()
    channel = device.opened()
    chain = Chain(SECRET, MAX_LENGTH)
    gateway.take(device.iou_with_chain(channel, BASE, chain))
    hashed = []
    walk = hashchain.walk
    monkeypatch.setattr(
        hashchain, "walk", lambda value, steps: (hashed.append(steps), walk(value, steps))[1]
    )
    far = device.tick(channel, MAX_STEPS + 1, b"x" * 32)
    assert gateway.reasons(device, far) == ["bad_tick"]
    assert hashed == []
    assert gateway.reasons(device, device.tick(channel, MAX_STEPS, b"x" * 32)) == ["bad_tick"]
    assert hashed == [MAX_STEPS]


def test_a_chain_longer_than_allowed_is_refused_with_its_iou(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    payload = Iou(channel, PRICE.amount(BASE), BASE, b"r" * 32, MAX_LENGTH + 1).payload()
    message = device.message("iou", envelope.sign1("iou", payload, device.sign))
    assert gateway.reasons(device, message) == ["bad_tick"]
    assert gateway.mark(channel)[1] == 0


def test_without_a_chain_a_tick_is_refused(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    assert gateway.reasons(device, device.tick(channel, 1, b"x" * 32)) == ["no_chain"]
    gateway.take(device.iou(channel, BASE))
    assert gateway.reasons(device, device.tick(channel, 1, b"x" * 32)) == ["no_chain"]
    assert gateway.reasons(device, device.tick(b"nothing." * 4, 1, b"x" * 32)) == ["no_chain"]


def test_a_new_iou_ends_the_chain_and_must_cover_its_ticks(gateway: Gateway) -> None:
    device, channel, chain = ticking(gateway)
    gateway.take(device.tick(channel, 5, chain.value(5)))
    # An IOU that forgets the ticks is below the mark.
    (answer,) = gateway.take(device.iou(channel, BASE + 4))
    assert gateway.ack(device, answer).units == BASE + 5
    renewed = Chain(b"u" * 32, 10)
    gateway.take(device.iou_with_chain(channel, BASE + 6, renewed))
    assert gateway.reasons(device, device.tick(channel, 7, chain.value(7))) == ["bad_tick"]
    gateway.take(device.tick(channel, 1, renewed.value(1)))
    assert gateway.mark(channel)[1] == BASE + 7


@pytest.mark.threat("D3")
def test_an_iou_that_contradicts_ticks_freezes_the_channel(gateway: Gateway) -> None:
    device, channel, chain = ticking(gateway)
    gateway.take(device.tick(channel, 5, chain.value(5)))
    liar = device.iou(channel, BASE + 9, PRICE.amount(BASE + 5))
    assert gateway.reasons(device, liar) == ["conflict"]
    assert gateway.mark(channel) == (PRICE.amount(BASE + 5), BASE + 5, "frozen")
    assert gateway.reasons(device, device.tick(channel, 6, chain.value(6))) == ["frozen"]


@pytest.mark.threat("D4")
def test_ticks_reach_the_capacity_and_not_beyond(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    most = PRICE.units_within(CAPACITY)
    chain = Chain(SECRET, 10)
    gateway.take(device.iou_with_chain(channel, most - 2, chain))
    gateway.take(device.tick(channel, 2, chain.value(2)))
    assert gateway.mark(channel)[0] == CAPACITY
    assert gateway.reasons(device, device.tick(channel, 3, chain.value(3))) == ["over_capacity"]


def test_an_expired_or_closed_channel_takes_no_tick(gateway: Gateway) -> None:
    device, channel, chain = ticking(gateway)
    gateway.take(device.close(channel))
    answers = gateway.take(device.tick(channel, 1, chain.value(1)))
    assert [kind_of(each) for each in answers] == ["refused", "receipt"]
    assert gateway.receipt(answers[1]).units == BASE
    device, channel, chain = ticking(gateway)
    gateway.clock.now += 86_401
    gateway.take(device.hello())
    assert gateway.reasons(device, device.tick(channel, 1, chain.value(1))) == ["expired"]
    assert gateway.mark(channel)[1] == BASE


def test_ticks_that_cost_nothing_yet_wait(gateway: Gateway) -> None:
    price = Tariff("s", 1, 3, "EUR")
    gateway.offer(price)
    device = gateway.device()
    channel = device.opened(tariff=price)
    chain = Chain(SECRET, 10)
    payload = Iou(channel, 1, 3, chain.root, 10).payload()
    gateway.take(device.message("iou", envelope.sign1("iou", payload, device.sign)))
    gateway.take(device.tick(channel, 2, chain.value(2)))
    assert gateway.mark(channel)[:2] == (1, 3)
    gateway.take(device.tick(channel, 3, chain.value(3)))
    assert gateway.mark(channel)[:2] == (2, 6)


def test_a_restarted_worker_goes_on_from_the_last_tick_and_shows_it_in_a_resume(
    gateway: Gateway,
) -> None:
    device, channel, chain = ticking(gateway)
    gateway.take(device.tick(channel, 5, chain.value(5)))
    gateway.restart()
    gateway.take(device.tick(channel, 6, chain.value(6)))
    assert gateway.mark(channel)[1] == BASE + 6
    answers = gateway.take(device.hello())
    resume = read_resume(envelope.open_mac0("resume", answers[0].payload, device.mac_key))
    (known,) = resume.channels
    assert (known.tick_index, known.preimage) == (6, chain.value(6))


def test_another_writer_that_was_first_makes_it_decide_again(gateway: Gateway) -> None:
    device, channel, chain = ticking(gateway)
    stale = gateway.context
    gateway.restart()
    gateway.take(device.tick(channel, 8, chain.value(8)))
    # The first worker's copy is behind; its lease is given back to it, as a copy would have it.
    gateway.context, stale._token = stale, gateway.context._token
    (answer,) = gateway.take(device.tick(channel, 6, chain.value(6)))
    assert gateway.ack(device, answer).units == BASE + 8
    assert gateway.mark(channel)[1] == BASE + 8


def test_a_suspended_devices_ticks_are_debts_and_a_revoked_ones_are_refused(
    gateway: Gateway,
) -> None:
    from gateway.store import devices, notices

    device, channel, chain = ticking(gateway)
    for status, taken in (("suspended", BASE + 1), ("revoked", BASE + 1)):
        with gateway.store.write() as conn:
            devices.set_status(conn, device.id, status)
            notices.decided(conn)
        gateway.take(device.tick(channel, 1 if status == "suspended" else 2, chain.value(1)))
        assert gateway.mark(channel)[1] == taken
    assert gateway.reasons(device, device.tick(channel, 2, chain.value(2))) == ["device_suspended"]


def test_the_database_holds_a_tick_only_with_its_preimage(gateway: Gateway) -> None:
    device, channel, chain = ticking(gateway)
    gateway.take(device.tick(channel, 3, chain.value(3)))
    with gateway.store.read() as conn:
        row = channels.get(conn, channel)
    assert (row.tick_index, bytes(row.tick_preimage)) == (3, chain.value(3))
    gateway.take(device.iou(channel, BASE + 4))
    with gateway.store.read() as conn:
        row = channels.get(conn, channel)
    assert (row.tick_index, row.tick_preimage) == (0, None)
