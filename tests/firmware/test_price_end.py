"""A device whose price ends, against the gateway's hot path: it uses what it was granted, to the
unit, and what it measured beyond is charged at the next price."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.operations import plans
from gateway.settlement.verify_books import verify_books
from protocol.pricing import Tariff
from tests.firmware.pair import Pair
from tests.ingest.parties import PRICE, WINDOW, gateway_in

NIGHT = Tariff("W.h", 100, 3, "EUR")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A device, and its gateway, which has another price."""
    gateway = gateway_in(tmp_path)
    gateway.offer(NIGHT)
    # Until it follows, devices that wait for nothing are offered the first alone.
    plans.follow(gateway.store, NIGHT.id(), PRICE.id())
    yield Pair(gateway, gateway.device(), step=10)
    found = verify_books(gateway.store, *gateway.keys.publics).discrepancies
    gateway.store.close()
    assert found == []


def end(pair: Pair) -> None:
    """NIGHT follows, and the price before ends at once."""
    plans.follow(pair.gateway.store, PRICE.id(), NIGHT.id(), 0)
    plans.end_due(pair.gateway.store)
    pair.keep_house()


def overrun(pair: Pair, units: int) -> None:
    """A relay that is slow: the meter counts so many units more, let or not."""
    for _ in range(units):
        pair.deliver(pair.device.on_meter(pair.device.total + 1, pair.now))
    pair.wait(1_500)


@pytest.mark.threat("D10")
def test_a_device_that_takes_no_other_price_stops_at_what_it_was_granted(pair: Pair) -> None:
    pair.connect()
    pair.meter(50)
    pair.device.highest_price = 20_000
    end(pair)
    pair.meter(3 * WINDOW)
    pair.settle()
    assert pair.device.total == 50 + WINDOW
    assert pair.paid() == (50 + WINDOW) * 300
    # The price it agrees to comes back.
    plans.unfollow(pair.gateway.store, PRICE.id())
    pair.keep_house()
    pair.meter(30)
    pair.settle()
    assert pair.paid() == (80 + WINDOW) * 300
    assert pair.device.refusals == {}


@pytest.mark.threat("D10")
def test_a_device_that_was_away_is_charged_what_it_used_of_its_window_at_the_old_price(
    pair: Pair,
) -> None:
    pair.connect()
    pair.meter(50)
    pair.disconnect()
    end(pair)
    pair.meter(3 * WINDOW)
    assert pair.device.total == 50 + WINDOW
    pair.connect()
    pair.meter(30)
    pair.settle()
    assert pair.paid() == (50 + WINDOW) * 300 + 30 * 100 // 3
    assert pair.device.refusals == {}


@pytest.mark.threat("D10")
@pytest.mark.parametrize("chain_length", [0, 500])
@pytest.mark.parametrize("reset", [False, True])
def test_what_a_slow_relay_let_through_beyond_is_charged_at_the_next_price(
    pair: Pair, chain_length: int, reset: bool
) -> None:
    pair.chain_length = chain_length
    pair.boot()
    pair.connect()
    pair.meter(50)
    pair.wait(1_500)
    pair.disconnect()
    end(pair)
    pair.meter(2 * WINDOW)
    overrun(pair, 7)
    if reset:
        pair.boot()
    pair.connect()
    pair.settle()
    assert pair.device.refusals.get("price_ended", 0) >= 1
    assert pair.device.total == 57 + WINDOW
    assert pair.paid() == (50 + WINDOW) * 300 + 7 * 100 // 3
    pair.meter(20)
    pair.settle()
    assert pair.paid() == (50 + WINDOW) * 300 + 27 * 100 // 3
    assert pair.gateway.count("channel") == 1
    assert pair.gateway.count("evidence") == 0


def test_a_device_that_is_finished_closes_with_what_it_was_granted(pair: Pair) -> None:
    pair.connect()
    pair.meter(50)
    pair.disconnect()
    pair.device.highest_price = 20_000
    end(pair)
    pair.meter(2 * WINDOW)
    overrun(pair, 7)
    # It has signed for all of it, and closes with that, before it hears that this is too much.
    pair.down = lambda kind, _message: kind != "refused"
    pair.connect()
    pair.deliver(pair.device.finish(pair.now))
    assert pair.device.channels[-1].signed_units == 57 + WINDOW
    pair.down = lambda _kind, _message: True
    for _ in range(20):
        pair.wait(5_000)
    assert pair.paid() == (50 + WINDOW) * 300
    assert pair.device.channels == []
    assert pair.device.unpaid() == 7
