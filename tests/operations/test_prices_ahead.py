"""What is said of prices ahead is what comes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.operations import plans, prices_ahead
from gateway.operations.errors import BadInput
from gateway.operations.plans import NewBand
from gateway.store.plans import Followers
from protocol.pricing import Tariff
from tests.ingest.parties import NOW, PRICE, Gateway, gateway_in

NIGHT = Tariff("W.h", 100, 1, "EUR")
PEAK = Tariff("W.h", 900, 1, "EUR")
HOUR = 3600


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that sells by three prices, of which each follows another at some time."""
    made = gateway_in(tmp_path)
    made.offer(NIGHT)
    made.offer(PEAK)
    _at(made, NOW)
    for tariff, follower, cron in (
        (PRICE, NIGHT, "0 22 * * *"),
        (NIGHT, PRICE, "0 6 * * *"),
        (PRICE, PEAK, "30 17 * * 1-5"),
        (PEAK, PRICE, "0 20 * * *"),
        (PEAK, NIGHT, "0 22 * * *"),
    ):
        plans.add_band(made.store, NewBand(tariff.id(), follower.id(), cron, "America/New_York"))
    yield made
    made.store.close()


def _at(gateway: Gateway, second: int) -> None:
    """Let the database's clock show this second."""
    gateway.store.now = lambda _conn: second  # type: ignore[method-assign]


def test_each_change_comes_when_it_was_said_and_no_other(gateway: Gateway) -> None:
    ahead = prices_ahead.ahead(gateway.store, 96)
    assert (ahead.since, ahead.until) == (NOW, NOW + 96 * HOUR)
    said = {id_: line.holds for line in ahead.lines for id_ in line.tariffs}
    assert set(said) == {PRICE.id(), NIGHT.id(), PEAK.id()}
    assert len(said[PRICE.id()]) > 8
    for second in range(NOW, ahead.until, HOUR // 2):
        _at(gateway, second)
        plans.follow_due(gateway.store)
        with gateway.store.read() as conn:
            followers = Followers(conn)
        for id_, holds in said.items():
            now = [each.tariff for each in holds if each.at <= second][-1]
            assert followers.last(id_) == now, second


def test_tariffs_that_always_have_one_price_share_a_line(gateway: Gateway) -> None:
    plans.follow(gateway.store, PRICE.id(), NIGHT.id())
    lines = prices_ahead.ahead(gateway.store, 1).lines
    shared = next(line for line in lines if PRICE.id() in line.tariffs)
    assert set(shared.tariffs) == {PRICE.id(), NIGHT.id()}
    assert [each.tariff for each in shared.holds] == [NIGHT.id()]


def test_it_says_how_far_it_looked(gateway: Gateway) -> None:
    for hours in (0, prices_ahead.MOST_HOURS + 1):
        with pytest.raises(BadInput, match="hours"):
            prices_ahead.ahead(gateway.store, hours)
    plans.add_band(gateway.store, NewBand(PRICE.id(), PEAK.id(), "* * * * *"))
    plans.add_band(gateway.store, NewBand(PEAK.id(), PRICE.id(), "* * * * *"))
    ahead = prices_ahead.ahead(gateway.store, prices_ahead.MOST_HOURS)
    assert NOW < ahead.until < NOW + 24 * HOUR
    assert max(each.at for line in ahead.lines for each in line.holds) <= ahead.until


def test_without_times_of_use_there_is_nothing_ahead(tmp_path: Path) -> None:
    gateway = gateway_in(tmp_path)
    assert prices_ahead.ahead(gateway.store, 48).lines == []
    gateway.store.close()
