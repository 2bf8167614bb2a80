"""A device that pays by claims on the XRP Ledger against the gateway's hot path: whole lives,
losses and resets, and which of the ledger's channels it names."""

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from firmware.over import Over
from firmware.settings import SettingsError, parse
from gateway.operations import plans
from gateway.settlement.verify_books import verify_books
from gateway.store import channels
from gateway.xrpl_claim import claim_of
from protocol import envelope
from protocol.messages import read_terms
from protocol.pricing import Tariff
from tests.firmware.pair import MemorySlots, Pair, unreliable
from tests.ingest.parties import DROPS, PRICE, gateway_in

NAMED = [bytes([number]) * 32 for number in range(1, 6)]
UNITS = 50
"""What one channel pays for."""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A device that claims, and its gateway, whose books must be right in the end."""
    gateway = gateway_in(tmp_path)
    gateway.offer_drops()
    yield Pair(
        gateway,
        gateway.device("rippling"),
        capacity=PRICE.amount(UNITS),
        xrpl_channels=list(NAMED),
    )
    found = verify_books(gateway.store, *gateway.keys.publics).discrepancies
    gateway.store.close()
    assert found == []


def redeemable(pair: Pair) -> dict[bytes, int]:
    """What the stored claims are worth, by the XRPL channel that they are on."""
    with pair.gateway.store.read() as conn:
        rows = channels.by_device(conn, pair.party.id, live=False)
    found = [claim_of(row.open_message, row.iou, row.capacity) for row in rows]
    return {each.xrpl_channel: each.drops for each in found if each is not None}


def test_all_that_is_paid_can_be_redeemed_channel_after_channel(pair: Pair) -> None:
    pair.connect()
    pair.meter(UNITS)
    pair.settle()
    pair.meter(UNITS)
    pair.settle()
    pair.meter(7)
    pair.settle()
    assert pair.units_paid() == 2 * UNITS + 7
    full = PRICE.amount(UNITS)
    assert redeemable(pair) == {NAMED[0]: full, NAMED[1]: full, NAMED[2]: PRICE.amount(7)}


@pytest.mark.parametrize("seed", range(4))
def test_losses_copies_and_resets_leave_no_mark_without_its_claim(pair: Pair, seed: int) -> None:
    chance = random.Random(seed)
    pair.up = unreliable(chance)
    pair.down = lambda _kind, _message: chance.random() > 0.2
    pair.connect()
    for _ in range(12):
        pair.meter(chance.randrange(8))
        pair.wait(chance.choice((100, 4_000)))
        if chance.random() < 0.3:
            pair.boot()
            pair.connect()
    pair.up = lambda message: [message]
    pair.down = lambda _kind, _message: True
    pair.settle()
    assert pair.device.unpaid() == 0
    assert sum(redeemable(pair).values()) == pair.paid() == PRICE.amount(pair.device.total)


def test_a_device_that_is_told_of_no_ticks_pays_by_claims_whatever_its_chains(pair: Pair) -> None:
    pair.chain_length = 100
    pair.boot()
    pair.connect()
    pair.meter(9)
    pair.settle()
    assert {kind for kind, _ in pair.said if kind in ("iou", "tick")} == {"iou"}
    assert redeemable(pair) == {NAMED[0]: PRICE.amount(9)}


def test_what_is_owed_where_a_price_changes_is_claimed_too(pair: Pair) -> None:
    pair.step = 1_000
    pair.boot()
    pair.connect()
    pair.meter(9)
    dearer = Tariff("W.h", 600, 1, "XRP")
    pair.gateway.offer(dearer, payee="operator-xrp")
    plans.follow(pair.gateway.store, DROPS.id(), dearer.id())
    pair.keep_house()
    assert redeemable(pair) == {NAMED[0]: 9 * 300}
    pair.meter(4)
    pair.settle()
    assert pair.gateway.count("leg") == 1
    assert redeemable(pair) == {NAMED[0]: 9 * 300 + 4 * 600}


def test_after_a_reset_the_next_channel_names_the_next_of_the_ledgers(pair: Pair) -> None:
    pair.connect()
    pair.meter(UNITS)
    pair.settle()
    pair.meter(3)
    pair.settle()
    pair.boot()
    pair.connect()
    pair.meter(UNITS)
    pair.settle()
    assert list(redeemable(pair)) and set(redeemable(pair)) == set(NAMED[:3])
    assert pair.device.refusals == {}


def test_a_device_that_lost_its_journal_finds_the_next_that_is_unused(pair: Pair) -> None:
    pair.connect()
    for _ in range(2):
        pair.meter(UNITS)
        pair.settle()
    pair.slots = MemorySlots()
    pair.device.finish(pair.now)
    pair.boot()
    pair.connect()
    pair.wait(60_000)
    pair.meter(4)
    pair.settle()
    assert set(redeemable(pair)) <= set(NAMED[:4])
    assert pair.units_paid() == 2 * UNITS + 4


def test_when_all_are_used_up_nothing_more_is_delivered(pair: Pair) -> None:
    pair.xrpl_channels = NAMED[:1]
    pair.boot()
    pair.connect()
    pair.meter(UNITS)
    pair.settle()
    pair.wait(60_000)
    assert pair.device.channels == []
    assert not pair.device.may_deliver()
    assert pair.units_paid() == UNITS


def test_a_tariff_that_is_not_in_drops_is_not_wanted(tmp_path: Path) -> None:
    gateway = gateway_in(tmp_path)
    with closing(gateway.store):
        pair = Pair(gateway, gateway.device(), xrpl_channels=list(NAMED))
        pair.connect()
        assert not pair.device.channels
        assert gateway.count("channel") == 0


def test_the_end_of_a_channel_is_shown_again_with_the_very_claim(pair: Pair) -> None:
    pair.connect()
    pair.meter(UNITS)
    pair.settle()
    with pair.gateway.store.read() as conn:
        (row,) = [
            each for each in channels.by_device(conn, pair.party.id, live=False) if each.units
        ]
    over = Over(pair.device.identity, pair.device.record)
    over.close(bytes(row.open_message))
    ((kind, message),) = over.unanswered()
    assert kind == "close"
    assert bytes(row.iou) in message


def test_terms_name_the_xrpl_channel_and_the_price_in_drops(pair: Pair) -> None:
    pair.connect()
    (opened,) = [message for kind, message in pair.said if kind == "open"]
    terms = read_terms(envelope.parse_sign1("open", opened).payload)
    assert terms.xrpl_channel == NAMED[0]
    assert terms.tariff.id() == DROPS.id()


SETTINGS = (
    '{"broker_host": "localhost", "password": "", "gateway_key": "' + "ab" * 32 + '", "unit": "W.h"'
)


def test_the_setting_lists_ids_in_the_order_in_which_they_are_used() -> None:
    text = ", ".join(each.hex() for each in NAMED)
    assert parse(SETTINGS + f', "xrpl_channels": "{text}"}}').xrpl_channels == NAMED
    assert parse(SETTINGS + "}").xrpl_channels == []


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ('"xrpl_channels": "ab"', "xrpl_channels: must be ids of 64 hex digits"),
        (f'"xrpl_channels": "{"zz" * 32}"', "xrpl_channels: must be ids of 64 hex digits"),
        (f'"xrpl_channels": "{"ab" * 32},"', "xrpl_channels: must be ids of 64 hex digits"),
        (f'"xrpl_channels": "{"ab" * 32},{"AB" * 32}"', "none twice"),
        (f'"xrpl_channels": "{"ab" * 32}", "chain_length": 5', "chain_length: must be 0"),
    ],
)
def test_a_setting_that_is_wrong_is_named(more: str, what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        parse(SETTINGS + ", " + more + "}")
