"""A device on a tariff with a session fee, against the gateway's hot path: once for each channel,
whatever follows, and never above what its owner agrees to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.operations import plans
from gateway.settlement.verify_books import verify_books
from protocol.pricing import Tariff
from tests.firmware.pair import Pair
from tests.ingest.parties import PRICE, WINDOW, gateway_in

FEE = 500_000
PARKED = Tariff("W.h", 300, 1, "EUR", session_fee=FEE)
NIGHT = Tariff("W.h", 100, 3, "EUR", session_fee=90)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A device, and its gateway, which sells by one price that has a session fee."""
    gateway = gateway_in(tmp_path)
    for price in (PARKED, NIGHT):
        gateway.offer(price)
    for price in (PRICE, NIGHT):
        plans.follow(gateway.store, price.id(), PARKED.id())
    yield Pair(gateway, gateway.device(), step=10)
    found = verify_books(gateway.store, *gateway.keys.publics).discrepancies
    gateway.store.close()
    assert found == []


@pytest.mark.parametrize("chain_length", [0, 100])
def test_it_is_due_with_the_first_unit_and_once(pair: Pair, chain_length: int) -> None:
    pair.chain_length = chain_length
    pair.boot()
    pair.connect()
    pair.settle()
    assert pair.paid() == 0
    pair.meter(1)
    pair.settle()
    assert pair.paid() == FEE + 300
    pair.meter(400)
    pair.settle()
    assert pair.paid() == FEE + 401 * 300


def test_legs_charge_none_and_one_that_begins_the_channel_charges_the_channels(
    pair: Pair,
) -> None:
    pair.connect()
    plans.follow(pair.gateway.store, PARKED.id(), NIGHT.id())
    pair.keep_house()
    assert pair.gateway.count("leg") == 1
    pair.meter(30)
    pair.settle()
    assert pair.paid() == FEE + 1_000
    plans.follow(pair.gateway.store, NIGHT.id(), PARKED.id())
    pair.keep_house()
    pair.meter(10)
    pair.settle()
    assert pair.paid() == FEE + 1_000 + 3_000
    assert pair.gateway.count("leg") == 2


def test_a_channel_that_is_full_is_followed_by_one_that_costs_it_again(pair: Pair) -> None:
    pair.capacity = FEE + 100 * 300
    pair.boot()
    pair.connect()
    for _ in range(15):
        pair.meter(10)
        pair.wait(1_500)
    pair.settle()
    assert pair.device.total == 150
    assert pair.gateway.count("channel") == 2
    assert pair.paid() == 2 * FEE + 150 * 300


def test_topped_up_it_is_one_session(pair: Pair) -> None:
    pair.topup = FEE + 100 * 300
    pair.boot()
    pair.connect()
    for _ in range(60):
        pair.meter(50)
        pair.wait(1_500)
    pair.settle()
    assert pair.gateway.count("topup") > 0
    assert pair.gateway.count("channel") == 1
    assert pair.paid() == FEE + 3_000 * 300


@pytest.mark.threat("D11")
def test_before_it_is_paid_no_more_than_a_window_is_delivered(pair: Pair) -> None:
    pair.connect()
    pair.up = lambda message: [] if message.topic.endswith("/iou") else [message]
    pair.meter(3 * WINDOW)
    assert pair.device.total == WINDOW
    pair.up = lambda message: [message]
    pair.settle()
    assert pair.paid() == FEE + WINDOW * 300


@pytest.mark.parametrize(("highest", "opens"), [(FEE + 300_000, True), (FEE + 299_999, False)])
def test_it_counts_in_the_highest_price_of_the_first_thousand_units(
    pair: Pair, highest: int, opens: bool
) -> None:
    pair.device.highest_price = highest
    pair.connect()
    assert pair.device.has_channel() is opens
