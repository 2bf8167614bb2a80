"""The rule of session fees and of prices that end, in single figures."""

import pytest

from protocol import MAX_INT, payee
from protocol.errors import ProtocolError, WireError
from protocol.messages import Iou
from protocol.payee import OPEN, RAISES
from protocol.pricing import METERED, OPEN_ENDED, Price, Tariff, tariff_from_map
from tests.protocol.parties import NOW, error_of, price, terms

FEE = 500_000


def with_fee(numerator: int = 300, denominator: int = 1, fee: int = FEE) -> Tariff:
    return Tariff("W.h", numerator, denominator, "EUR", 6, METERED, fee)


@pytest.mark.threat("D4")
def test_a_session_fee_is_due_once_with_the_first_unit() -> None:
    thirds = with_fee(1, 3)
    found = [thirds.amount(units) for units in (0, 1, 2, 3, 6)]
    assert found == [0, FEE, FEE, FEE + 1, FEE + 2]


@pytest.mark.threat("D10")
def test_what_does_not_cover_the_fee_pays_for_no_unit() -> None:
    assert [with_fee().units_within(amount) for amount in (0, FEE - 1, FEE, FEE + 299)] == [0] * 4
    assert [with_fee().units_within(FEE + amount) for amount in (300, 599, 600)] == [1, 1, 2]
    assert [with_fee(0).units_within(amount) for amount in (FEE - 1, FEE)] == [0, MAX_INT]


@pytest.mark.threat("D4")
def test_a_price_that_takes_over_asks_no_fee_again() -> None:
    later = Price(with_fee(), FEE + 600, 2)
    assert [later.amount_of(units) for units in (2, 3)] == [FEE + 600, FEE + 900]


def test_a_tariff_without_a_fee_is_encoded_as_it_ever_was() -> None:
    assert with_fee(fee=0).encoded() == price(300, 1).encoded()
    assert 7 not in with_fee(fee=0).to_map()


@pytest.mark.threat("D3")
def test_a_fee_comes_back_from_the_wire() -> None:
    assert with_fee().to_map()[7] == FEE
    assert tariff_from_map(with_fee().to_map()).session_fee == FEE
    assert tariff_from_map(price(300, 1).to_map()).session_fee == 0


@pytest.mark.threat("D3")
@pytest.mark.parametrize(
    ("fee", "pricing"), [(-1, METERED), (MAX_INT + 1, METERED), (1, OPEN_ENDED)]
)
def test_a_fee_that_can_not_be_is_refused_by_name(fee: int, pricing: int) -> None:
    with pytest.raises(WireError, match="session_fee"):
        Tariff("W.h", 300, 1, "EUR", 6, pricing, fee)


@pytest.mark.threat("D3")
def test_a_fee_of_nothing_is_not_said() -> None:
    with pytest.raises(WireError, match="left out"):
        tariff_from_map({**price(300, 1).to_map(), 7: 0})


def test_the_greatest_fee_is_one() -> None:
    assert with_fee(fee=MAX_INT).amount(0) == 0
    beyond = error_of(with_fee(fee=MAX_INT).amount, 1)
    assert isinstance(beyond, ProtocolError)
    assert beyond.reason == "over_capacity"


@pytest.mark.threat("D4")
def test_nothing_beyond_what_was_granted_is_taken_at_a_price_that_has_ended() -> None:
    agreed = terms()
    agreed.price.until = 7

    def judged(units: int) -> object:
        iou = Iou(agreed.channel_id(), 300 * units, units)
        return payee.judge(agreed, OPEN, 1_500, 5, iou, NOW)

    assert judged(7) is RAISES
    refused = error_of(judged, 8)
    assert isinstance(refused, ProtocolError)
    assert (refused.reason, refused.field, refused.expected) == ("price_ended", "iou.units", 7)
    assert [payee.limit(agreed, mark, 10) for mark in (0, 6, 7)] == [7, 7, 7]
