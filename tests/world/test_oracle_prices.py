"""What the oracle finds of prices that are wrong: of session fees, of prices that end, of idle
time."""

import pytest

from firmware.meters.idle import IdleMeter
from protocol import payee
from protocol.legs import Leg
from protocol.messages import Terms
from protocol.pricing import Price
from simulator.world.oracle import Oracle
from simulator.world.oracle.places import Places
from simulator.world.oracle.violation import Violation
from simulator.world.run import play
from simulator.world.scenarios import PLOTS, make


def found(plot: str, variants: int = 3) -> str:
    """The first failure of the first tellings of a plot, empty if there is none."""
    number = [each.name for each in PLOTS].index(plot)
    for variant in range(variants):
        told = play(make(number + variant * len(PLOTS)), Oracle)
        if not told.ok:
            return str(told.failure)
    return ""


def test_a_session_fee_that_a_leg_charges_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def price(leg: Leg, terms: Terms) -> Price:
        return Price(leg.tariff, leg.amount, leg.units, terms.tariff.session_fee)

    monkeypatch.setattr(Leg, "price", price)
    assert "signed" in found("sessions")


def test_more_that_is_granted_at_a_price_that_ended_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def limit(terms: Terms, mark_units: int, window: int) -> int:
        reach = payee.reach(terms.price, mark_units, window)
        return min(reach, terms.price.units_within(terms.capacity))

    monkeypatch.setattr(payee, "limit", limit)
    monkeypatch.setattr(payee, "_check_granted", lambda _price, _field, _units: None)
    assert "ended" in found("ends", 6) or "granted" in found("ends", 6)


def test_free_seconds_that_are_counted_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = IdleMeter.__init__
    monkeypatch.setattr(IdleMeter, "__init__", lambda meter, _after_ms: begin(meter, 0))
    assert "counted" in found("idle")


def test_an_idle_second_is_one_that_nothing_moved_in_beyond_the_free_ones() -> None:
    places = Places()
    for second in range(13):
        places.seen("bay", 1_000 * second, 7, True, 10_000, max(0, second - 10))
    places.seen("bay", 13_000, 8, True, 10_000, 2)
    places.seen("bay", 23_000, 8, True, 10_000, 2)
    places.seen("bay", 24_000, 8, False, 10_000, 2)
    with pytest.raises(Violation, match="counted 3 s, 2000 ms"):
        places.seen("bay", 60_000, 8, True, 10_000, 3)
