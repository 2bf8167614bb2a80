"""A device whose price changes under an open channel, against the gateway's hot path: whole lives,
losses, resets, refusals, and what each unit is charged at."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.operations import plans
from gateway.settlement.verify_books import verify_books
from gateway.store import channels
from protocol.pricing import Tariff
from tests.firmware.pair import Pair, unreliable
from tests.ingest.parties import PRICE, WINDOW, gateway_in, kind_of

NIGHT = Tariff("W.h", 100, 3, "EUR")
PEAK = Tariff("W.h", 1_000, 1, "EUR")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A device and its gateway, which has two more prices."""
    gateway = gateway_in(tmp_path)
    gateway.offer(NIGHT)
    gateway.offer(PEAK)
    # Until they follow, devices that wait for nothing are offered the first alone.
    for price in (NIGHT, PEAK):
        plans.follow(gateway.store, price.id(), PRICE.id())
    yield Pair(gateway, gateway.device(), step=10)
    found = verify_books(gateway.store, *gateway.keys.publics).discrepancies
    gateway.store.close()
    assert found == []


def follow(pair: Pair, old: Tariff, new: Tariff) -> None:
    """From now on one price follows the other; the devices are told."""
    plans.follow(pair.gateway.store, old.id(), new.id())
    pair.keep_house()


def draw(pair: Pair, units: int) -> None:
    """The load draws so many units, while the relay lets it."""
    for _ in range(units // 10):
        pair.meter(10)
        pair.wait(100)


def leg_count(pair: Pair) -> int:
    return pair.gateway.count("leg")


@pytest.mark.threat("D10")
def test_units_before_and_after_are_each_charged_at_their_price(pair: Pair) -> None:
    pair.connect()
    draw(pair, 100)
    follow(pair, PRICE, NIGHT)
    draw(pair, 100)
    follow(pair, NIGHT, PEAK)
    draw(pair, 50)
    pair.settle()
    assert pair.device.total == 250
    assert pair.paid() == 100 * 300 + 100 * 100 // 3 + 50 * 1_000
    assert pair.gateway.count("channel") == 1
    assert leg_count(pair) == 2
    assert pair.device.refusals == {}


def test_units_that_were_not_signed_for_before_are_signed_by_the_price_before(pair: Pair) -> None:
    pair.step = 1_000
    pair.boot()
    pair.connect()
    pair.meter(70)
    follow(pair, PRICE, PEAK)
    pair.meter(5)
    pair.settle()
    assert pair.paid() == 70 * 300 + 5 * 1_000


@pytest.mark.threat("D5", "D10")
def test_a_device_that_was_away_over_the_change_is_charged_by_what_it_signed(pair: Pair) -> None:
    pair.connect()
    draw(pair, 100)
    pair.disconnect()
    follow(pair, PRICE, NIGHT)
    follow(pair, NIGHT, PEAK)
    draw(pair, 40)
    pair.connect()
    draw(pair, 10)
    pair.settle()
    # It never heard of the price between the two.
    assert pair.paid() == 140 * 300 + 10 * 1_000
    assert leg_count(pair) == 1


@pytest.mark.threat("D11")
def test_while_the_answer_is_lost_no_more_than_the_window_is_delivered(pair: Pair) -> None:
    pair.connect()
    draw(pair, 100)
    pair.down = lambda kind, _message: kind != "grant"
    follow(pair, PRICE, PEAK)
    assert leg_count(pair) == 1
    draw(pair, 3 * WINDOW)
    assert pair.device.total == 100 + WINDOW
    assert pair.paid() == 100 * 300
    pair.down = lambda _kind, _message: True
    pair.settle()
    assert pair.paid() == 100 * 300 + WINDOW * 1_000


def test_ticks_end_where_a_leg_begins_and_go_on_beyond_it(pair: Pair) -> None:
    pair.step, pair.chain_length = 10**6, 500
    pair.boot()
    pair.connect()
    pair.meter(1)
    pair.wait(1_500)
    pair.meter(29)
    follow(pair, PRICE, NIGHT)
    pair.meter(3)
    pair.wait(1_500)
    pair.meter(57)
    pair.settle()
    assert pair.paid() == 30 * 300 + 60 * 100 // 3
    assert sum(kind == "tick" for kind, _ in pair.said) > 20
    assert pair.device.refusals == {}


def test_a_price_above_its_owners_highest_is_not_taken(pair: Pair) -> None:
    pair.connect()
    draw(pair, 50)
    pair.device.highest_price = 500_000
    follow(pair, PRICE, PEAK)
    draw(pair, 50)
    follow(pair, PRICE, NIGHT)
    draw(pair, 30)
    pair.settle()
    assert pair.paid() == 100 * 300 + 30 * 100 // 3
    assert leg_count(pair) == 1


def test_a_price_that_follows_no_more_when_its_leg_arrives_is_not_charged(pair: Pair) -> None:
    pair.connect()
    draw(pair, 50)
    held: list[object] = []

    def holds_legs(message: object) -> list[object]:
        if "/leg" in message.topic:  # type: ignore[attr-defined]
            held.append(message)
            return []
        return [message]

    pair.up = holds_legs  # type: ignore[assignment]
    follow(pair, PRICE, PEAK)
    assert held
    plans.unfollow(pair.gateway.store, PRICE.id())
    pair.up = lambda message: [message]
    draw(pair, 50)
    pair.settle()
    assert pair.device.refusals == {"unknown_tariff": 1}
    assert pair.paid() == 100 * 300
    follow(pair, PRICE, NIGHT)
    draw(pair, 30)
    # The one that was given up arrives late, when its number is another's, and is refused again.
    late = pair.gateway.take(held[0])  # type: ignore[arg-type]
    for answer in late:
        pair.deliver(pair.device.on_message(kind_of(answer), answer.payload, pair.now))
    assert pair.device.refusals == {"unknown_tariff": 1, "wrong_leg": 1}
    pair.settle()
    assert pair.gateway.count("channel") == 1
    assert pair.paid() == 100 * 300 + 30 * 100 // 3
    assert leg_count(pair) == 1


@pytest.mark.threat("D13")
def test_an_old_flash_image_takes_up_its_leg_from_the_gateway(pair: Pair) -> None:
    pair.connect()
    draw(pair, 50)
    old = list(pair.slots.slots)
    follow(pair, PRICE, PEAK)
    draw(pair, 20)
    pair.slots.slots = old
    pair.boot()
    pair.connect()
    draw(pair, 20)
    pair.settle()
    assert pair.paid() <= 50 * 300 + 40 * 1_000
    assert pair.paid() >= 50 * 300 + 20 * 1_000
    assert pair.gateway.count("evidence") == 0


def test_a_device_that_lost_its_journal_takes_up_its_leg_from_the_gateway(pair: Pair) -> None:
    pair.connect()
    draw(pair, 50)
    follow(pair, PRICE, PEAK)
    draw(pair, 20)
    pair.slots.slots = [b"", b""]
    pair.boot()
    pair.connect()
    draw(pair, 20)
    pair.settle()
    assert pair.paid() == 50 * 300 + 40 * 1_000
    assert pair.gateway.count("channel") == 1


def test_a_new_channel_opens_by_the_price_that_follows(pair: Pair) -> None:
    follow(pair, PRICE, NIGHT)
    pair.connect()
    draw(pair, 30)
    pair.settle()
    assert pair.paid() == 30 * 100 // 3
    assert leg_count(pair) == 0


@pytest.mark.threat("D5", "D12")
@pytest.mark.parametrize("seed", range(4))
def test_losses_copies_and_resets_charge_every_unit_once_at_a_price_that_was_signed(
    pair: Pair, seed: int
) -> None:
    chance = random.Random(f"legs {seed}")
    prices = (PRICE, NIGHT, PEAK)
    pair.chain_length = 40 if seed % 2 else 0
    pair.boot()
    pair.up = unreliable(chance)
    pair.down = lambda _kind, _message: chance.random() > 0.1
    pair.connect()
    delivered = 0
    for _ in range(40):
        before = pair.device.total
        draw(pair, 10 * chance.randrange(4))
        delivered += pair.device.total - before
        dice = chance.random()
        if dice < 0.3:
            new = chance.choice(prices)
            for old in prices:
                if old is not new:
                    plans.follow(pair.gateway.store, old.id(), new.id())
            pair.keep_house()
        elif dice < 0.4:
            pair.boot()
            pair.connect()
        elif dice < 0.5:
            pair.disconnect()
            pair.wait(1_000)
            pair.connect()
    pair.up = lambda message: [message]
    pair.down = lambda _kind, _message: True
    pair.disconnect()
    pair.connect()
    pair.settle()
    pair.wait(200_000)
    assert pair.device.unpaid() == 0
    with pair.gateway.store.read() as conn:
        rows = channels.by_device(conn, pair.party.id, live=False)
    # What ticks said before a reset its meter may have forgotten, but nobody pays for it twice.
    units = sum(row.units for row in rows)
    assert pair.device.total <= units <= delivered
    assert units == pair.device.total or pair.chain_length
    assert 33 * units <= pair.paid() <= 1_000 * units
    assert len(rows) == 1
    assert any(kind == "leg" for kind, _ in pair.said)
    assert pair.gateway.count("evidence") == 0
