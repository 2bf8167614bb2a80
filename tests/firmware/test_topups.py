"""A device that tops its channel up against the gateway's hot path: whole lives, losses, resets,
refusals, and what it says while its account runs out."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from firmware import status
from gateway.operations import accounts
from gateway.settlement.verify_books import verify_books
from gateway.store import channels, notices
from protocol import envelope
from protocol.messages import Grant
from protocol.topups import read_topup
from tests.firmware.pair import MemorySlots, Pair, unreliable
from tests.ingest.parties import WINDOW, gateway_in

PORTION = 3 * WINDOW * 300
UNITS = 3 * WINDOW
"""What a portion pays for."""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A device that tops up, and its gateway."""
    gateway = gateway_in(tmp_path)
    yield Pair(gateway, gateway.device(), step=100, topup=PORTION)
    found = verify_books(gateway.store, *gateway.keys.publics).discrepancies
    gateway.store.close()
    assert found == []


def draw(pair: Pair, units: int) -> int:
    """The load draws so many units, if the relay lets it; how many it got."""
    before = pair.device.total
    for _ in range(units // 50):
        pair.meter(50)
        pair.wait(100)
    return pair.device.total - before


def asked(pair: Pair) -> list[int]:
    """The capacities that the device has signed top-ups for, as they were said."""
    said = [message for kind, message in pair.said if kind == "topup"]
    return [read_topup(envelope.parse_sign1("topup", each).payload).capacity for each in said]


def reserved(pair: Pair) -> list[int]:
    """The capacities of all channels."""
    with pair.gateway.store.read() as conn:
        return [int(row.capacity) for row in channels.by_device(conn, pair.party.id, live=False)]


def test_a_device_goes_on_past_each_capacity_without_a_gap(pair: Pair) -> None:
    pair.connect()
    assert reserved(pair) == [PORTION]
    # Not one unit that the load wanted has waited.
    assert draw(pair, 4 * UNITS) == 4 * UNITS
    pair.settle()
    assert pair.units_paid() == 4 * UNITS
    assert asked(pair) == [n * PORTION for n in range(2, len(asked(pair)) + 2)]
    assert reserved(pair) == asked(pair)[-1:]
    assert pair.gateway.count("channel") == 1


def test_ticks_too_go_on_past_each_capacity(pair: Pair) -> None:
    pair.step, pair.chain_length = 10**6, 5_000
    pair.boot()
    pair.connect()
    for _ in range(3 * UNITS // 100):
        assert pair.device.may_deliver()
        pair.deliver(pair.device.on_meter(pair.device.total + 100, pair.now))
        pair.wait(100)
    pair.settle()
    assert pair.units_paid() == 3 * UNITS
    assert pair.gateway.count("channel") == 1
    assert sum(kind == "iou" for kind, _ in pair.said) < 9


def test_it_asks_for_no_more_than_its_owner_lets_it_spend_in_a_channel(pair: Pair) -> None:
    pair.capacity = 2 * PORTION + 300
    pair.boot()
    pair.connect()
    assert draw(pair, 3 * UNITS) == 3 * UNITS
    pair.settle()
    assert asked(pair)[:2] == [2 * PORTION, 2 * PORTION + 300]
    assert max(asked(pair)) == 2 * PORTION + 300
    # What was beyond it went into the next channel.
    assert pair.units_paid() == 3 * UNITS
    assert pair.gateway.count("channel") == 2


def test_it_asks_for_no_more_than_is_offered(pair: Pair) -> None:
    with pair.gateway.store.write() as conn:
        conn.execute(text(f"UPDATE tariff SET max_capacity = {PORTION + 600}"))
        notices.decided(conn)
    pair.connect()
    draw(pair, UNITS + 100)
    assert asked(pair) == [PORTION + 600]
    assert pair.device.refusals == {}


def test_what_a_channel_may_owe_under_a_tariff_that_is_offered_no_more_it_learns_by_a_refusal(
    pair: Pair,
) -> None:
    with pair.gateway.store.write() as conn:
        conn.execute(text(f"UPDATE tariff SET max_capacity = {PORTION + 600}"))
        notices.decided(conn)
    pair.connect()
    pair.device.offer = None
    assert draw(pair, UNITS) == UNITS
    pair.wait(10_000)
    assert asked(pair) == [2 * PORTION, PORTION + 600]
    assert pair.device.refusals == {"capacity_not_allowed": 1}
    assert reserved(pair) == [PORTION + 600]


def test_without_the_setting_a_channel_opens_with_all_of_its_capacity(pair: Pair) -> None:
    pair.topup, pair.capacity = 0, 2 * PORTION
    pair.boot()
    pair.connect()
    draw(pair, 2 * UNITS + 100)
    assert asked(pair) == []
    assert 2 * PORTION in reserved(pair)


def test_a_topup_is_said_until_it_is_answered(pair: Pair) -> None:
    pair.connect()
    pair.up = lambda message: [] if message.topic.endswith("topup") else [message]
    draw(pair, UNITS // 2 + 100)
    pair.wait(30_000)
    first = asked(pair)
    assert len(first) > 1
    assert set(first) == {2 * PORTION}
    # Until it is taken nothing is signed beyond the capacity, and the channel stays.
    draw(pair, 2 * UNITS)
    assert pair.device.total == UNITS
    assert pair.gateway.count("channel") == 1
    pair.up = lambda message: [message]
    pair.wait(61_000)
    assert draw(pair, UNITS) == UNITS
    pair.settle()
    assert pair.units_paid() == 2 * UNITS
    said = len(asked(pair))
    pair.wait(120_000)
    assert len(asked(pair)) == said


@pytest.mark.threat("N6")
def test_a_grant_raises_no_further_than_the_device_has_signed(pair: Pair) -> None:
    pair.connect()
    draw(pair, 500)
    (channel,) = pair.device.channels
    lie = Grant(channel.id, 10**9, channel.serial, 10**9).payload()
    for message in (lie, Grant(channel.id, 10**9, 0, PORTION - 1).payload()):
        pair.device.on_message(
            "grant", envelope.mac0("grant", message, pair.party.mac_key), pair.now
        )
        assert channel.capacity == PORTION
    draw(pair, UNITS)
    assert max(asked(pair)) >= channel.capacity >= channel.signed_amount


def test_grants_that_are_late_doubled_or_in_another_order_change_nothing(pair: Pair) -> None:
    kept: list[bytes] = []

    def late(kind: str, message: bytes) -> bool:
        if kind == "grant":
            kept.append(message)
        return kind != "grant" or len(kept) % 3 == 0

    pair.down = late
    pair.connect()
    for _ in range(8):
        draw(pair, UNITS // 2)
        pair.wait(7_000)
        for message in [*reversed(kept), *kept]:
            pair.deliver(pair.device.on_message("grant", message, pair.now))
        (channel,) = pair.device.channels
        assert channel.signed_amount <= channel.capacity <= max(reserved(pair))
    pair.down = lambda _kind, _message: True
    pair.settle()
    assert pair.units_paid() == pair.device.total > 2 * UNITS
    assert pair.gateway.count("channel") == 1
    assert "over_capacity" not in pair.device.refusals


def _credit(pair: Pair, limit: int) -> None:
    accounts.change(pair.gateway.store, "fleet", credit_limit=limit)
    pair.keep_house()


def test_a_refusal_for_lack_of_credit_stops_no_payment_and_the_same_is_said_again_later(
    pair: Pair,
) -> None:
    _credit(pair, PORTION)
    pair.connect()
    assert draw(pair, UNITS - 500) == UNITS - 500
    assert pair.device.refusals["insufficient_funds"] >= 1
    assert pair.units_paid() == UNITS - 500
    pair.said.clear()
    pair.wait(600_000)
    assert 9 <= len(asked(pair)) <= 20
    assert set(asked(pair)) == {2 * PORTION}
    written = pair.slots.writes
    pair.wait(120_000)
    assert pair.slots.writes == written
    _credit(pair, 10 * PORTION)
    pair.wait(61_000)
    assert draw(pair, 2 * UNITS) == 2 * UNITS
    pair.settle()
    assert pair.units_paid() == 3 * UNITS - 500
    assert pair.gateway.count("channel") == 1


def test_a_channel_that_is_full_and_not_topped_up_ends_and_the_next_goes_on(pair: Pair) -> None:
    _credit(pair, PORTION)
    pair.connect()
    assert draw(pair, 2 * UNITS) == UNITS
    pair.wait(120_000)
    assert pair.device.channels == []
    assert status.status(True, True, None, pair.device) == status.RUNNING_OUT  # type: ignore[arg-type]
    _credit(pair, 10 * PORTION)
    pair.wait(61_000)
    assert draw(pair, UNITS) == UNITS
    pair.settle()
    assert pair.units_paid() == 2 * UNITS


def test_a_device_shows_that_its_account_has_little_left_while_that_is_so(pair: Pair) -> None:
    _credit(pair, PORTION + 5)
    pair.connect()
    assert pair.device.funds_left == 5
    assert status.status(True, True, None, pair.device) == status.RUNNING_OUT  # type: ignore[arg-type]
    _credit(pair, 100 * PORTION)
    assert pair.device.funds_left is None
    assert status.status(True, True, None, pair.device) == status.DELIVERING  # type: ignore[arg-type]


def test_a_suspended_devices_topup_is_taken_when_it_is_resumed(pair: Pair) -> None:
    pair.connect()
    draw(pair, 500)
    with pair.gateway.store.write() as conn:
        conn.execute(text("UPDATE device SET status = 'suspended'"))
        notices.decided(conn)
    draw(pair, UNITS)
    assert pair.device.refusals["device_suspended"] >= 1
    with pair.gateway.store.write() as conn:
        conn.execute(text("UPDATE device SET status = 'active'"))
        notices.decided(conn)
    pair.wait(61_000)
    assert draw(pair, 2 * UNITS) == 2 * UNITS
    assert pair.gateway.count("channel") == 1


def test_the_topup_is_in_the_journal_before_it_is_said_and_a_restart_says_the_same(
    pair: Pair,
) -> None:
    pair.connect()
    pair.up = lambda message: [] if message.topic.endswith("topup") else [message]
    draw(pair, UNITS // 2 + 50)
    said = {message for kind, message in pair.said if kind == "topup"}
    (channel,) = pair.device.channels
    pair.boot()
    assert (pair.device.channels[0].topup, pair.device.channels[0].topup_due) == (
        channel.topup,
        True,
    )
    pair.connect()
    pair.wait(10_000)
    assert {message for kind, message in pair.said if kind == "topup"} == said


def test_a_device_that_lost_its_journal_takes_the_capacity_up_again(pair: Pair) -> None:
    pair.connect()
    draw(pair, 2 * UNITS)
    capacity = max(reserved(pair))
    pair.slots = MemorySlots()
    pair.boot()
    pair.connect()
    (channel,) = pair.device.channels
    assert channel.capacity == capacity
    draw(pair, 2 * UNITS)
    assert pair.gateway.count("channel") == 1


def test_nothing_is_topped_up_once_the_session_is_finished(pair: Pair) -> None:
    pair.connect()
    draw(pair, 500)
    pair.disconnect()
    pair.meter(WINDOW)
    pair.up = lambda message: [] if "close" in message.topic else [message]
    pair.connect()
    pair.deliver(pair.device.finish(pair.now))
    pair.said.clear()
    pair.wait(60_000)
    assert asked(pair) == []


class PowerCut(Exception):
    """The power is gone."""


class Cutting(MemorySlots):
    """Loses power in the write that `left` counts down to, whole or torn."""

    def __init__(self, left: int, torn: bool) -> None:
        super().__init__()
        self.left = left
        self.torn = torn

    def write(self, slot: int, data: bytes) -> None:
        self.left -= 1
        if self.left == 0:
            if self.torn:
                self.slots[slot] = data[: len(data) // 2]
            else:
                super().write(slot, data)
            raise PowerCut
        super().write(slot, data)


@pytest.mark.threat("C11")
@pytest.mark.parametrize("torn", [False, True])
def test_power_may_fail_at_any_write_of_the_journal(pair: Pair, torn: bool) -> None:
    for write in range(1, 40):
        slots = Cutting(write, torn)
        one = Pair(pair.gateway, pair.gateway.device(), step=200, topup=PORTION, slots=slots)
        delivered = 0
        for _ in range(16):
            before = one.device.total
            try:
                if not one.connected:
                    one.connect()
                one.meter(400)
                one.wait(2_000)
                delivered += one.device.total - before
            except PowerCut:
                one.boot()
        if not one.connected:
            one.connect()
        one.settle()
        # What was signed is in the journal: nothing is lost but what had filled no step.
        assert one.units_paid() == one.device.total >= delivered
        (channel,) = one.device.channels
        assert [channel.capacity] == reserved(one)
        assert channel.capacity > PORTION
        assert "over_capacity" not in one.device.refusals


@pytest.mark.threat("N1")
@pytest.mark.parametrize("seed", range(6))
def test_lost_doubled_and_late_messages_and_resets_change_nothing(pair: Pair, seed: int) -> None:
    chance = random.Random(seed)
    pair.up = unreliable(chance)
    pair.down = lambda _kind, _message: chance.random() < 0.75
    pair.connect()
    for _ in range(120):
        pair.meter(chance.choice((20, 200)))
        pair.wait(chance.choice((100, 2_000)))
        if chance.random() < 0.05:
            pair.boot()
            pair.connect()
    pair.up = lambda message: [message]
    pair.down = lambda _kind, _message: True
    pair.connect()
    pair.settle()
    assert pair.units_paid() == pair.device.total > UNITS
    assert pair.gateway.metrics.refused.labels("iou", "conflict")._value.get() == 0
    assert all(channel.signed_amount <= channel.capacity for channel in pair.device.channels)


def test_a_topup_is_said_before_what_needs_it_where_the_gateway_lost_it(pair: Pair) -> None:
    pair.connect()
    draw(pair, 2 * UNITS)
    pair.disconnect()
    with pair.gateway.store.write() as conn:
        conn.execute(text("DROP TRIGGER topup_no_delete"))
        conn.execute(text("DELETE FROM topup"))
        conn.execute(text("DELETE FROM channel"))
        notices.decided(conn)
    pair.said.clear()
    pair.connect()
    pair.settle()
    kinds = [kind for kind, _ in pair.said]
    assert kinds.index("topup") < kinds.index("iou")
    assert pair.device.refusals == {}
    assert pair.units_paid() == pair.device.total == 2 * UNITS
