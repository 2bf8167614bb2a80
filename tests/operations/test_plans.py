"""Tariffs that follow others: at once, at times of use, and which do not go together."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.operations import plans, tariffs
from gateway.operations.errors import BadInput
from gateway.operations.plans import NewBand
from gateway.store.errors import Conflict, NotFound
from protocol import envelope
from protocol.messages import read_offer
from protocol.pricing import OPEN_ENDED, Tariff
from tests.ingest.parties import NOW, PRICE, Gateway, gateway_in, kind_of

NIGHT = Tariff("W.h", 100, 1, "EUR")
PEAK = Tariff("W.h", 900, 1, "EUR")
DAY = 86_400
MIDNIGHT = NOW - NOW % DAY


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that sells by three prices."""
    made = gateway_in(tmp_path)
    made.offer(NIGHT)
    made.offer(PEAK)
    yield made
    made.store.close()


def offered(gateway: Gateway) -> list[int]:
    """The numerators that a device is offered, sorted."""
    device = gateway.device()
    answers = [each for each in gateway.take(device.hello()) if kind_of(each) == "offer"]
    offers = [read_offer(envelope.parse_sign1("offer", each.payload).payload) for each in answers]
    assert all(not offer.follows for offer in offers)
    return sorted(offer.tariff.numerator for offer in offers)


def test_what_is_followed_is_offered_no_more(gateway: Gateway) -> None:
    assert offered(gateway) == [100, 300, 900]
    plans.follow(gateway.store, PRICE.id(), NIGHT.id())
    assert offered(gateway) == [100, 900]
    device = gateway.device()
    (refused,) = gateway.take(device.open(device.terms()))
    assert gateway.refusal(device, refused)[1] == "unknown_tariff"
    plans.unfollow(gateway.store, PRICE.id())
    assert offered(gateway) == [100, 300, 900]
    with pytest.raises(NotFound):
        plans.unfollow(gateway.store, PRICE.id())


def test_a_chain_of_followers_leads_to_its_end_and_never_round(gateway: Gateway) -> None:
    plans.follow(gateway.store, NIGHT.id(), PRICE.id())
    plans.follow(gateway.store, PRICE.id(), PEAK.id())
    assert offered(gateway) == [900]
    plans.follow(gateway.store, PEAK.id(), NIGHT.id())
    assert offered(gateway) == [100]
    assert plans.following(gateway.store, NIGHT.id()).follower is None


def test_bands_follow_each_other_through_a_day(gateway: Gateway) -> None:
    gateway.clock.now = MIDNIGHT
    bands = [(NIGHT, PRICE, "0 6 * * *"), (PRICE, PEAK, "0 17 * * *"), (PEAK, NIGHT, "0 22 * * *")]
    for old, new, cron in bands:
        plans.add_band(gateway.store, NewBand(old.id(), new.id(), cron))
    plans.follow(gateway.store, PRICE.id(), NIGHT.id())
    plans.follow(gateway.store, PEAK.id(), NIGHT.id())
    seen = []
    for hour in range(48):
        gateway.clock.now = MIDNIGHT + hour * 3_600
        plans.follow_due(gateway.store)
        seen += [numerator for numerator in offered(gateway) if [numerator] != seen[-1:]]
    assert seen == [100, 300, 900, 100, 300, 900, 100]
    # Nobody looked for two days and a half: it is the last of them that counts.
    gateway.clock.now = MIDNIGHT + 4 * DAY + 18 * 3_600
    plans.follow_due(gateway.store)
    assert offered(gateway) == [900]
    assert plans.follow_due(gateway.store) == []


def test_a_band_is_in_its_own_time_zone(gateway: Gateway) -> None:
    gateway.clock.now = MIDNIGHT
    new = NewBand(PRICE.id(), NIGHT.id(), "0 22 * * *", "Asia/Tokyo")
    assert plans.add_band(gateway.store, new).next_due == MIDNIGHT + 13 * 3_600
    with pytest.raises(Conflict):
        plans.add_band(gateway.store, new)
    gateway.clock.now = MIDNIGHT + 13 * 3_600
    assert [old for old, _new in plans.follow_due(gateway.store)] == ["energy"]
    plans.remove_band(gateway.store, new)
    with pytest.raises(NotFound):
        plans.remove_band(gateway.store, new)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (Tariff("L", 100, 1, "EUR"), "follower_id: must measure the same unit"),
        (Tariff("W.h", 0, 1, "EUR", 6, OPEN_ENDED), "follower_id: must be metered"),
        (PRICE, "follower_id: must be another tariff"),
        (Tariff("W.h", 5, 1, "EUR"), "follower_id: there is no such tariff"),
    ],
)
def test_what_does_not_go_together_is_refused(gateway: Gateway, other: Tariff, says: str) -> None:
    if other is not PRICE and other.numerator != 5:
        gateway.offer(other)
    with pytest.raises(BadInput, match=says):
        plans.follow(gateway.store, PRICE.id(), other.id())
    with pytest.raises(BadInput, match=says):
        plans.add_band(gateway.store, NewBand(PRICE.id(), other.id(), "0 1 * * *"))
    assert gateway.count("follower") == gateway.count("band") == 0


def test_another_payee_or_other_fees_can_t_follow(gateway: Gateway) -> None:
    for change, says in (
        ("payee_account = 'fleet'", "paid to the same account"),
        ("payee_account = 'operator', fee_bp = 5, fee_account = 'operator'", "the same fees"),
    ):
        with gateway.store.write() as conn:
            conn.execute(text(f"UPDATE tariff SET {change} WHERE numerator = 100"))
        with pytest.raises(BadInput, match=says):
            plans.follow(gateway.store, PRICE.id(), NIGHT.id())


def test_what_follows_is_not_retired(gateway: Gateway) -> None:
    plans.follow(gateway.store, PRICE.id(), NIGHT.id())
    with pytest.raises(Conflict, match="it follows another"):
        tariffs.retire(gateway.store, NIGHT.id())
    tariffs.retire(gateway.store, PRICE.id())
    plans.unfollow(gateway.store, PRICE.id())
    tariffs.retire(gateway.store, NIGHT.id())
    with pytest.raises(BadInput, match="follower_id: must be active"):
        plans.follow(gateway.store, PRICE.id(), NIGHT.id())


@pytest.mark.parametrize(
    ("cron", "zone", "field"),
    [("", "UTC", "cron"), ("0 2 * *", "UTC", "cron"), ("0 2 * * *", "Berlin", "time_zone")],
)
def test_times_that_can_t_be_are_refused(
    gateway: Gateway, cron: str, zone: str, field: str
) -> None:
    with pytest.raises(BadInput) as refused:
        plans.add_band(gateway.store, NewBand(PRICE.id(), NIGHT.id(), cron, zone))
    assert refused.value.field == field
