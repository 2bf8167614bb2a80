"""The device's rules against the gateway's own hot path: whole lives, losses, resets and lies."""

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from firmware.record import MAX_RECEIPTS
from gateway.store import channels, devices, notices
from gateway.store.tables import Base
from protocol import envelope, messages
from protocol.messages import CLOSE, Ack, Iou, Receipt, Resume, Resumed
from tests.firmware.pair import MemorySlots, Pair, unreliable
from tests.ingest.parties import CAPACITY, PRICE, WINDOW, gateway_in


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A device that has never been on, and its gateway."""
    gateway = gateway_in(tmp_path)
    yield Pair(gateway, gateway.device())
    gateway.store.close()


def test_a_device_opens_a_channel_by_itself_and_pays_each_unit(pair: Pair) -> None:
    pair.connect()
    assert pair.device.may_deliver()
    pair.meter(25)
    assert pair.units_paid() == 25
    assert pair.device.unpaid() == 0


def test_nothing_is_delivered_before_a_channel_is_open(pair: Pair) -> None:
    assert not pair.device.may_deliver()
    pair.meter(5)
    assert pair.device.total == 0


@pytest.mark.threat("D11")
def test_d11_delivery_stops_when_the_window_is_unpaid(pair: Pair) -> None:
    pair.connect()
    pair.meter(10)
    pair.disconnect()
    pair.meter(5 * WINDOW)
    assert pair.device.total == 10 + WINDOW
    assert not pair.device.may_deliver()
    pair.connect()
    assert pair.units_paid() == 10 + WINDOW
    assert pair.device.may_deliver()


def test_a_session_that_begins_and_ends_offline_with_a_reset_in_between_is_paid_exactly(
    pair: Pair,
) -> None:
    pair.connect()
    pair.meter(3)
    pair.disconnect()
    pair.meter(40)
    pair.boot()
    pair.meter(60)
    pair.boot()
    pair.connect()
    assert pair.units_paid() == 103
    assert pair.device.unpaid() == 0


def test_a_full_channel_is_closed_and_the_rest_is_paid_on_the_next(pair: Pair) -> None:
    most = PRICE.units_within(CAPACITY)
    pair.step = 500
    pair.boot()
    pair.connect()
    pair.meter(most + 700)
    pair.settle()
    assert pair.units_paid() == most + 700
    assert pair.gateway.count("channel") == 2
    assert len(pair.device.channels) == 1
    assert len(pair.device.receipts) == 1


def test_a_channel_that_the_gateway_does_not_know_is_shown_again_and_paid(pair: Pair) -> None:
    """A client must not be stuck because the other side forgot the channel."""
    pair.connect()
    pair.meter(10)
    pair.disconnect()
    with pair.gateway.store.write() as conn:
        conn.execute(delete(Base.metadata.tables["channel"]))
        notices.decided(conn)
    pair.connect()
    pair.meter(10)
    assert pair.units_paid() == 20
    assert pair.gateway.count("channel") == 1


def test_an_unknown_channel_is_shown_again_and_nothing_that_was_signed_is_lost(pair: Pair) -> None:
    pair.connect()
    pair.meter(10)
    with pair.gateway.store.write() as conn:
        conn.execute(delete(Base.metadata.tables["channel"]))
        notices.decided(conn)
    pair.meter(10)
    pair.settle()
    assert pair.device.refusals == {"unknown_channel": 1}
    assert pair.units_paid() == 20
    assert pair.gateway.count("channel") == 1


def _tariffs(pair: Pair, status: str) -> None:
    with pair.gateway.store.write() as conn:
        conn.execute(update(Base.metadata.tables["tariff"]).values(status=status))
        notices.decided(conn)


def test_an_unknown_channel_that_is_not_taken_again_is_settled_and_a_new_one_opened(
    pair: Pair,
) -> None:
    pair.connect()
    pair.meter(10)
    with pair.gateway.store.write() as conn:
        conn.execute(delete(Base.metadata.tables["channel"]))
        notices.decided(conn)
    _tariffs(pair, "retired")
    pair.meter(10)
    assert pair.device.refusals["unknown_channel"] >= 1
    assert pair.device.refusals["unknown_tariff"] >= 1
    _tariffs(pair, "active")
    pair.settle()
    pair.meter(9)
    pair.settle()
    # What had been signed on the lost channel counts as paid: it could still be presented.
    assert pair.units_paid() == 9
    assert pair.device.may_deliver()


def test_an_expired_channel_is_over_by_signed_receipt_and_nothing_is_lost(pair: Pair) -> None:
    pair.connect()
    pair.meter(10)
    pair.disconnect()
    pair.meter(20)
    pair.gateway.clock.now += 2 * 86_400
    pair.connect()
    pair.keep_house()
    pair.settle()
    assert pair.units_paid() == 30
    assert pair.gateway.count("channel") == 2


@pytest.mark.threat("D12")
def test_d12_a_device_that_lost_its_journal_resumes_by_its_own_signature(pair: Pair) -> None:
    pair.connect()
    pair.meter(50)
    pair.slots = MemorySlots()
    pair.boot()
    pair.connect()
    assert pair.units_paid() == 50
    pair.meter(7)
    assert pair.units_paid() == 57
    assert pair.gateway.count("channel") == 1


@pytest.mark.threat("D13")
def test_d13_a_device_set_back_to_an_old_journal_is_not_charged_twice(pair: Pair) -> None:
    pair.connect()
    pair.meter(20)
    old = MemorySlots()
    old.slots = list(pair.slots.slots)
    pair.meter(30)
    pair.slots = old
    pair.boot()
    pair.connect()
    pair.meter(5)
    assert pair.units_paid() == 55


def test_a_suspended_device_stops_at_once_and_goes_on_when_resumed(pair: Pair) -> None:
    pair.connect()
    pair.meter(10)
    for status, delivers in (("suspended", False), ("active", True)):
        with pair.gateway.store.write() as conn:
            devices.set_status(conn, pair.party.id, status)
            ids = [channel.id for channel in pair.device.channels]
            for channel in ids:
                channels.raise_serial(conn, channel)
            notices.tell_channels(conn, "grant", ids)
        pair.keep_house()
        assert pair.device.may_deliver() is delivers
    pair.meter(5)
    assert pair.units_paid() == 15


@pytest.mark.threat("N1")
def test_a_device_that_may_deliver_nothing_and_missed_the_grant_asks_ever_less_often(
    pair: Pair,
) -> None:
    pair.connect()
    pair.meter(10)

    def decide(status: str) -> None:
        with pair.gateway.store.write() as conn:
            devices.set_status(conn, pair.party.id, status)
            ids = [channel.id for channel in pair.device.channels]
            for channel in ids:
                channels.raise_serial(conn, channel)
            notices.tell_channels(conn, "grant", ids)

    decide("suspended")
    pair.keep_house()
    pair.said.clear()
    pair.wait(600_000)
    assert 10 <= sum(kind == "hello" for kind, _ in pair.said) <= 20
    decide("active")
    # The gateway was killed after it had counted the grant as told, and before it said it.
    with pair.gateway.store.write() as conn:
        notices.told(conn, [row.id for row in notices.waiting(conn)])
    pair.wait(61_000)
    pair.meter(5)
    assert pair.units_paid() == 15
    pair.said.clear()
    pair.wait(600_000)
    assert pair.said == []


@pytest.mark.threat("N1", "D5")
def test_lost_duplicated_and_reordered_messages_change_nothing(pair: Pair) -> None:
    """N1 at the level of messages; the real network has tests of its own."""
    chance = random.Random(1)
    pair.up = unreliable(chance)
    pair.connect()
    for _ in range(300):
        pair.meter(1)
        pair.wait(chance.choice((0, 200, 4_000)))
    pair.up = lambda message: [message]
    pair.settle()
    assert pair.units_paid() == pair.device.total > 100
    assert pair.gateway.metrics.refused.labels("iou", "conflict")._value.get() == 0


@pytest.mark.threat("C11")
@pytest.mark.parametrize("seed", range(20))
def test_c11_power_cuts_at_any_save_never_sign_lower_or_a_contradiction(
    pair: Pair, seed: int
) -> None:
    class PowerCut(Exception):
        """The power is gone."""

    chance = random.Random(seed)

    class Cutting(MemorySlots):
        armed = True

        def write(self, slot: int, data: bytes) -> None:
            if self.armed and chance.random() < 0.1:
                if chance.random() < 0.5:
                    self.slots[slot] = data[: chance.randrange(len(data))]
                else:
                    super().write(slot, data)
                raise PowerCut
            super().write(slot, data)

    slots = Cutting()
    pair.slots = slots
    pair.boot()
    delivered = 0
    for _ in range(150):
        try:
            if not pair.connected:
                pair.connect()
            before = pair.device.total
            pair.meter(chance.randrange(1, 4))
            delivered += pair.device.total - before
            pair.wait(chance.choice((0, 1_000)))
        except PowerCut:
            pair.boot()
    slots.armed = False
    pair.boot()
    pair.connect()
    pair.settle()
    amounts = []
    for kind, message in pair.said:
        if kind == "iou":
            iou = messages.read_iou(envelope.parse_sign1("iou", message).payload)
            amounts.append((iou.channel, iou.amount, iou.units))
    for earlier, later in pairwise(amounts):
        if earlier[0] == later[0]:
            assert later[1] >= earlier[1]
            assert (later[1] == earlier[1]) == (later[2] == earlier[2])
    assert pair.units_paid() == pair.device.total
    assert pair.gateway.metrics.refused.labels("iou", "conflict")._value.get() == 0


def _forged(pair: Pair, other: Pair) -> list[tuple[str, bytes]]:
    channel = pair.device.channels[0]
    device = pair.party
    wrong_key = other.party.mac_key
    ack = Ack(channel.id, 300, 1, 10**9, 99).payload()
    too_much = Ack(channel.id, 10**6, 10**6, 10**9, 99).payload()
    receipt = Receipt(channel.id, 0, 0, 2, 0).payload()
    foreign_iou = envelope.sign1("iou", Iou(channel.id, 30_000, 100).payload(), other.party.sign)
    lie = Resume(
        pair.device.nonce, [Resumed(channel.open_message, foreign_iou, 10**9, 99)]
    ).payload()
    gone = messages.Refused("iou", "unknown_channel", channel.id).payload()
    stale = Resume(bytes(16), [Resumed(channel.open_message, b"", 10**9, 99)]).payload()
    opened = messages.Opened(channel.id, 0, 10**9, 99).payload()
    grant = messages.Grant(channel.id, 10**9, 99).payload()
    offer = messages.Offer(
        PRICE, other.party.public, pair.gateway.keys.public, CAPACITY, WINDOW, 10**6, 0
    ).payload()
    return [
        ("ack", envelope.mac0("ack", ack, wrong_key)),
        ("ack", envelope.mac0("grant", ack, device.mac_key)),
        ("ack", envelope.mac0("ack", too_much, device.mac_key)),
        ("receipt", envelope.sign1("receipt", receipt, other.party.sign)),
        ("receipt", envelope.sign1("receipt", receipt, device.sign)),
        ("resume", envelope.mac0("resume", lie, device.mac_key)),
        ("resume", envelope.mac0("resume", stale, device.mac_key)),
        (
            "refused",
            envelope.mac0("refused", gone, wrong_key),
        ),
        ("opened", b""),
        ("opened", envelope.sign1("opened", opened, other.party.sign)),
        ("opened", envelope.sign1("opened", opened, device.sign)),
        ("offer", envelope.sign1("offer", offer, other.party.sign)),
        ("grant", envelope.mac0("grant", grant, wrong_key)),
        ("ack", grant),
        ("offer", b"\xd2\x84"),
        ("nonsense", b"x"),
    ]


@pytest.mark.threat("N6")
def test_n6_what_does_not_prove_itself_changes_nothing(pair: Pair, tmp_path: Path) -> None:
    pair.connect()
    pair.meter(5)
    other = Pair(pair.gateway, pair.gateway.device())
    before = [channel.record() for channel in pair.device.channels]
    for number, (kind, message) in enumerate(_forged(pair, other), start=1):
        assert pair.device.on_message(kind, message, pair.now) is not None
        assert pair.device.ignored == number
        assert [channel.record() for channel in pair.device.channels] == before
    pair.meter(5)
    assert pair.units_paid() == 10


def test_a_device_that_is_finished_closes_and_keeps_the_receipt(pair: Pair) -> None:
    pair.connect()
    pair.meter(10)
    pair.deliver(pair.device.finish(pair.now))
    assert pair.device.channels == []
    (receipt,) = pair.device.receipts
    assert pair.gateway.receipt(_outgoing(receipt)).amount == 3_000
    assert not pair.device.may_deliver()


def _outgoing(message: bytes) -> object:
    class _Answer:
        payload = message

    return _Answer()


def test_the_journal_is_written_before_anything_is_said(pair: Pair) -> None:
    pair.connect()
    saved: list[int] = []
    original = pair.slots.write

    def watch(slot: int, data: bytes) -> None:
        saved.append(len(pair.said))
        original(slot, data)

    pair.slots.write = watch  # type: ignore[method-assign]
    for _ in range(20):
        before = len(pair.said)
        pair.meter(1)
        assert saved
        assert saved[-1] == before
        saved.clear()


@pytest.mark.threat("N6")
def test_old_and_repeated_acks_move_nothing_back(pair: Pair) -> None:
    pair.connect()
    pair.meter(30)
    acks = [message for kind, message in pair.heard if kind == "ack"]
    (channel,) = pair.device.channels
    before = channel.record()
    for message in [*reversed(acks), *acks[:3]]:
        assert pair.device.on_message("ack", message, pair.now) == []
    assert channel.record() == before
    assert pair.device.unpaid() == 0


@pytest.mark.threat("N6")
def test_a_resume_of_an_earlier_connection_is_not_believed_again(pair: Pair) -> None:
    pair.connect()
    (old,) = [message for kind, message in pair.heard if kind == "resume"]
    pair.meter(5)
    pair.disconnect()
    pair.device.on_connected(pair.now)
    before = pair.device.channels[0].record()
    assert pair.device.on_message("resume", old, pair.now) == []
    assert pair.device.ignored == 1
    assert pair.device.channels[0].record() == before


@pytest.mark.threat("N6", "D12")
@pytest.mark.parametrize("with_receipt", [True, False])
def test_a_channel_that_is_over_is_not_taken_up_again_with_an_older_iou(
    pair: Pair, with_receipt: bool
) -> None:
    """A gateway that ends a channel and then lists it at an older state gets nothing signed on it:
    those IOUs would be lower than what the device has signed there."""
    keys = pair.gateway.keys
    pair.connect()
    pair.meter(50)
    (channel,) = pair.device.channels
    ious = [message for kind, message in pair.said if kind == "iou"]
    pair.connected = False
    device = pair.device
    if with_receipt:
        receipt = Receipt(channel.id, channel.signed_amount, channel.signed_units, CLOSE, 1)
        device.on_message("receipt", keys.sign1("receipt", receipt.payload()), pair.now)
        for _ in range(MAX_RECEIPTS):
            # Kept receipts do not last for ever.
            device.record.keep(keys.sign1("receipt", Receipt(bytes(32), 0, 0, 0, 1).payload()))
    else:
        refused = messages.Refused("open", "unknown_tariff", channel.id)
        device.on_message(
            "refused", envelope.mac0("refused", refused.payload(), pair.party.mac_key), pair.now
        )
    assert channel.id not in [each.id for each in device.channels]
    device.on_connected(pair.now)
    old = Resumed(channel.open_message, ious[10], 100, 9)
    resume = Resume(device.nonce, [old]).payload()
    device.on_message("resume", envelope.mac0("resume", resume, pair.party.mac_key), pair.now)
    assert channel.id not in [each.id for each in device.channels]
    said = device.on_meter(device.total + 10, pair.now)
    assert channel.id not in [
        messages.read_iou(envelope.parse_sign1("iou", message).payload).channel
        for kind, message in said
        if kind == "iou"
    ]


def test_an_operators_decision_told_by_an_ack_outlives_a_power_cut(pair: Pair) -> None:
    """Else a suspended device could be set free by switching it off and on again."""
    pair.connect()
    pair.meter(5)
    (channel,) = pair.device.channels
    stop = Ack(channel.id, PRICE.amount(5), 5, 0, channel.serial + 1).payload()
    pair.device.on_message("ack", envelope.mac0("ack", stop, pair.party.mac_key), pair.now)
    assert not pair.device.may_deliver()
    pair.boot()
    assert not pair.device.may_deliver()


def test_the_journal_is_written_once_a_step_and_a_power_cut_costs_less_than_one(
    pair: Pair,
) -> None:
    """Flash wears out: a meter that never rests must not mean a write a second."""
    pair.step = 20
    pair.boot()
    pair.connect()
    pair.slots.writes = 0
    for _ in range(419):
        pair.meter(1)
        pair.wait(900)
    assert pair.slots.writes == 419 // 20
    pair.boot()
    assert pair.device.total == 419 // 20 * 20


def test_units_that_fill_no_step_are_paid_when_the_meter_rests(pair: Pair) -> None:
    pair.step = 20
    pair.boot()
    pair.connect()
    pair.meter(7)
    assert pair.units_paid() == 0
    pair.wait(1_000)
    assert pair.units_paid() == 7


def test_a_meter_that_runs_on_without_the_relay_does_not_wear_the_journal_out(pair: Pair) -> None:
    pair.step = 20
    pair.boot()
    pair.connect()
    pair.disconnect()
    pair.slots.writes = 0
    for total in range(1, 2 * WINDOW + 1):
        pair.device.on_meter(total, pair.now)
    assert not pair.device.may_deliver()
    assert pair.slots.writes <= 2 * WINDOW // 20 + 1
    pair.connect()
    assert pair.units_paid() == 2 * WINDOW


def test_a_device_without_funds_asks_ever_less_often_and_opens_when_there_are_some(
    pair: Pair,
) -> None:
    accounts = Base.metadata.tables["account"]
    with pair.gateway.store.write() as conn:
        conn.execute(update(accounts).values(credit_limit=1))
    pair.connect()
    pair.wait(600_000)
    assert 10 <= sum(kind == "open" for kind, _ in pair.said) <= 20
    with pair.gateway.store.write() as conn:
        conn.execute(update(accounts).values(credit_limit=CAPACITY))
    pair.wait(60_000)
    pair.meter(3)
    assert pair.units_paid() == 3


def test_a_capacity_that_pays_for_no_unit_opens_no_channel(pair: Pair) -> None:
    """It would be full at once, closed, and opened again without end."""
    pair.device.capacity = PRICE.amount(1) - 1
    pair.connect()
    pair.wait(600_000)
    assert {kind for kind, _ in pair.said} == {"hello"}
    assert len(pair.said) <= 20
    pair.device.capacity += 1
    pair.wait(60_000)
    pair.meter(3)
    assert pair.units_paid() == 3


def test_a_close_that_was_lost_is_said_again_while_the_next_channel_is_paid_on(pair: Pair) -> None:
    pair.connect()
    pair.meter(3)
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
    assert len(pair.device.channels) == 1


@pytest.mark.parametrize("reason", ["unavailable", "rate_limited"])
def test_a_refusal_that_passes_ends_no_channel(pair: Pair, reason: str) -> None:
    pair.connect()
    pair.meter(5)
    (channel,) = pair.device.channels
    payload = messages.Refused("open", reason, channel.id).payload()
    refused = envelope.mac0("refused", payload, pair.party.mac_key)
    assert pair.device.on_message("refused", refused, pair.now) == []
    assert pair.device.channels == [channel]
    pair.meter(5)
    assert pair.units_paid() == 10
