"""Prices that end: once another has followed for the stated grace nothing more is granted, what was
granted is taken as it was signed, and nothing beyond."""

import pytest

from gateway.ingest import upkeep
from gateway.operations import plans
from gateway.settlement.verify_books import verify_books
from gateway.store import channels, fence
from protocol import envelope
from protocol.hashchain import Chain
from protocol.messages import read_offer
from protocol.pricing import Tariff
from tests.ingest.parties import PRICE, WINDOW, Gateway, Party, kind_of

NIGHT = Tariff("W.h", 100, 3, "EUR")
PEAK = Tariff("W.h", 1_000, 1, "EUR")
GRACE = 600


@pytest.fixture
def payer(gateway: Gateway) -> Party:
    """A device; the gateway sells by three prices."""
    gateway.offer(NIGHT)
    gateway.offer(PEAK)
    return gateway.device()


def followed(gateway: Gateway, device: Party) -> bytes:
    """A channel with a mark of 10 units, whose price NIGHT follows."""
    channel = device.opened()
    gateway.take(device.iou(channel, 10))
    plans.follow(gateway.store, PRICE.id(), NIGHT.id(), GRACE)
    return channel


def ended(gateway: Gateway, device: Party) -> bytes:
    """A channel with a mark of 10 units whose price has ended, NIGHT having followed for its
    grace."""
    channel = followed(gateway, device)
    gateway.clock.now += GRACE
    assert plans.end_due(gateway.store) == 1
    return channel


def books(gateway: Gateway) -> list[str]:
    report = verify_books(gateway.store, gateway.keys.public)
    return [f"{each.where}: {each.what}" for each in report.discrepancies]


def limit_of(gateway: Gateway, device: Party, channel: bytes, units: int) -> int:
    """The limit in the ack of an IOU, once the worker has looked at what was decided."""
    upkeep.tell(gateway.context)
    (ack,) = [each for each in gateway.take(device.iou(channel, units)) if kind_of(each) == "ack"]
    return gateway.ack(device, ack).limit


@pytest.mark.threat("D10")
def test_what_was_granted_is_taken_and_nothing_beyond_however_much_is_paid(
    gateway: Gateway, payer: Party
) -> None:
    channel = ended(gateway, payer)
    granted = 10 + WINDOW
    assert limit_of(gateway, payer, channel, 500) == granted
    (refused,) = gateway.take(payer.iou(channel, granted + 1))
    assert gateway.refusal(payer, refused) == ("iou", "price_ended", granted)
    gateway.restart()
    assert limit_of(gateway, payer, channel, granted) == granted
    assert gateway.reasons(payer, payer.iou(channel, granted + 1)) == ["price_ended"]
    assert gateway.mark(channel) == (granted * 300, granted, "open")
    assert books(gateway) == []


def test_until_the_grace_is_over_the_old_price_is_granted_as_ever(
    gateway: Gateway, payer: Party
) -> None:
    channel = followed(gateway, payer)
    gateway.clock.now += GRACE - 1
    assert plans.end_due(gateway.store) == 0
    assert limit_of(gateway, payer, channel, 500) == 500 + WINDOW
    assert gateway.reasons(payer, payer.iou(channel, 500 + WINDOW + 1)) == []


def test_the_device_is_told_by_a_grant_and_the_offer_again(gateway: Gateway, payer: Party) -> None:
    def graces() -> list[int | None]:
        told = upkeep.tell(gateway.context)
        assert [kind_of(each) for each in told] == ["grant", "offer"]
        assert gateway.grant(payer, told[0]).limit == 10 + WINDOW
        payload = envelope.parse_sign1("offer", told[1].payload).payload
        return [read_offer(payload).grace]

    followed(gateway, payer)
    assert graces() == [GRACE]
    gateway.clock.now += GRACE
    plans.end_due(gateway.store)
    assert graces() == [0]


def test_the_leg_prices_what_is_beyond_and_is_granted_anew(gateway: Gateway, payer: Party) -> None:
    channel = ended(gateway, payer)
    last = payer.iou_bytes(channel, 10 + WINDOW)
    answers = gateway.take(payer.leg(channel, 1, NIGHT, last))
    assert [kind_of(each) for each in answers] == ["ack", "grant"]
    assert gateway.grant(payer, answers[-1]).limit == 10 + 2 * WINDOW
    beyond = (10 + WINDOW) * 300 + 100
    assert gateway.reasons(payer, payer.iou(channel, 13 + WINDOW, beyond)) == []
    assert books(gateway) == []


@pytest.mark.threat("D10")
def test_neither_a_leg_nor_a_close_nor_a_tick_carries_more_than_was_granted(
    gateway: Gateway, payer: Party
) -> None:
    channel = ended(gateway, payer)
    granted = 10 + WINDOW
    beyond = payer.iou_bytes(channel, granted + 1)
    assert gateway.reasons(payer, payer.leg(channel, 1, NIGHT, beyond)) == ["price_ended"]
    assert gateway.reasons(payer, payer.close(channel, beyond)) == ["price_ended"]
    assert gateway.mark(channel) == (3_000, 10, "open")
    chain = Chain(bytes(32), 50)
    gateway.take(payer.iou_with_chain(channel, granted - 1, chain))
    (refused,) = gateway.take(payer.tick(channel, 2, chain.value(2)))
    assert gateway.refusal(payer, refused) == ("tick", "price_ended", granted)
    assert gateway.reasons(payer, payer.tick(channel, 1, chain.value(1))) == []
    assert gateway.mark(channel)[1] == granted
    # An honest end is at what was granted.
    last = payer.iou_bytes(channel, granted)
    assert gateway.reasons(payer, payer.close(channel, last)) == []
    assert books(gateway) == []


def test_a_price_that_follows_no_more_or_again_goes_on(gateway: Gateway, payer: Party) -> None:
    channel = ended(gateway, payer)
    beyond = 11 + WINDOW
    plans.unfollow(gateway.store, PRICE.id())
    assert gateway.reasons(payer, payer.iou(channel, beyond)) == []
    plans.follow(gateway.store, PRICE.id(), NIGHT.id(), 0)
    assert plans.end_due(gateway.store) == 1
    assert gateway.reasons(payer, payer.iou(channel, beyond + WINDOW + 1)) == ["price_ended"]
    # The two change places, as by day and by night.
    plans.follow(gateway.store, NIGHT.id(), PRICE.id(), 0)
    assert plans.end_due(gateway.store) == 0
    told = upkeep.tell(gateway.context)
    assert gateway.grant(payer, told[-1]).limit == beyond + WINDOW
    assert gateway.reasons(payer, payer.iou(channel, beyond + WINDOW + 1)) == []
    assert books(gateway) == []


def test_another_price_in_the_place_of_the_first_brings_no_new_grace(
    gateway: Gateway, payer: Party
) -> None:
    channel = followed(gateway, payer)
    gateway.clock.now += GRACE - 1
    plans.follow(gateway.store, PRICE.id(), PEAK.id(), GRACE)
    gateway.clock.now += 1
    assert plans.end_due(gateway.store) == 1
    assert plans.following(gateway.store, PRICE.id()).ends_at == gateway.clock.now
    # And what has ended is not ended again from a later mark.
    assert limit_of(gateway, payer, channel, 10 + WINDOW) == 10 + WINDOW
    plans.follow(gateway.store, PRICE.id(), NIGHT.id(), GRACE)
    plans.end_due(gateway.store)
    assert limit_of(gateway, payer, channel, 10 + WINDOW) == 10 + WINDOW
    # A longer one lets it go on.
    plans.follow(gateway.store, PRICE.id(), NIGHT.id(), 2 * GRACE)
    plans.end_due(gateway.store)
    assert limit_of(gateway, payer, channel, 10 + WINDOW) == 10 + 2 * WINDOW


def test_it_ends_on_frozen_channels_too_and_not_on_those_that_went_over(
    gateway: Gateway, payer: Party
) -> None:
    frozen, over, other = payer.opened(1), payer.opened(2), gateway.device().opened()
    plans.follow(gateway.store, PRICE.id(), NIGHT.id(), 0)
    gateway.take(payer.leg(over, 1, NIGHT))
    with gateway.store.write() as conn:
        channels.set_state(conn, frozen, "frozen")
    assert plans.end_due(gateway.store) == 2
    with gateway.store.read() as conn:
        found = {each: channels.get(conn, each).ended_units for each in (frozen, over, other)}
    assert found == {frozen: 0, over: None, other: 0}
    assert plans.end_due(gateway.store) == 0


def test_behind_the_fence_no_price_ends_and_each_grace_begins_anew(
    gateway: Gateway, payer: Party
) -> None:
    channel = ended(gateway, payer)
    with gateway.store.write() as conn:
        fence.put_up(conn, 2, "", gateway.clock.now, gateway.clock.now)
    gateway.clock.now += GRACE
    assert plans.end_due(gateway.store) == 0
    gateway.restart()
    assert gateway.reasons(payer, payer.iou(channel, 2 * WINDOW)) == []
    assert plans.following(gateway.store, PRICE.id()).ends_at == gateway.clock.now
