"""The rule of legs in single figures: which leg a channel may begin, and what units cost on it.

Each case stands at an edge, with what lies on both sides of it.
"""

import pytest

from protocol import MAX_INT, payee
from protocol.errors import ProtocolError
from protocol.legs import Leg
from protocol.messages import Iou
from protocol.payee import CLOSED, FROZEN, OPEN, RAISES, STALE
from protocol.pricing import METERED, OPEN_ENDED, Price, Tariff
from tests.protocol.parties import NOW, error_of, iou_message, price, terms

EXPIRY = NOW + 86_400
MARK = (1_500, 5)
DEARER = price(450, 1)


def leg(
    number: int = 3, tariff: Tariff = DEARER, amount: int = MARK[0], units: int = MARK[1]
) -> Leg:
    """A leg after an IOU of so much."""
    channel = terms().channel_id()
    return Leg(channel, number, tariff, iou_message(Iou(channel, amount, units)))


def judged(
    given: Leg,
    state: str = OPEN,
    known: int = 2,
    now: int = NOW,
    before: Tariff | None = None,
    lost: bool = False,
) -> object:
    """What a leg comes to on a channel at MARK, or reason and expected figure of the refusal."""
    agreed = terms(before) if before else terms()
    try:
        return payee.judge_leg(agreed, state, *MARK, known, given, now, lost)
    except ProtocolError as error:
        return error.reason, error.expected


@pytest.mark.threat("D2", "D5")
@pytest.mark.parametrize("state", [OPEN, FROZEN, CLOSED])
@pytest.mark.parametrize("number", [1, 2])
def test_a_leg_that_is_known_is_stale_whatever_the_state(state: str, number: int) -> None:
    assert judged(leg(number), state, now=EXPIRY) is STALE


def test_the_next_leg_begins_at_the_mark_until_the_channel_expires() -> None:
    assert judged(leg(), now=EXPIRY - 1) is RAISES


@pytest.mark.threat("D4", "D16")
@pytest.mark.parametrize(
    ("given", "state", "now", "refusal"),
    [
        (leg(), CLOSED, NOW, ("closed", 0)),
        (leg(), FROZEN, NOW, ("frozen", 0)),
        (leg(), OPEN, EXPIRY, ("expired", EXPIRY)),
        (leg(4), OPEN, NOW, ("wrong_leg", 3)),
        (leg(amount=MARK[0] - 1), OPEN, NOW, ("wrong_amount", MARK[0])),
        (leg(amount=MARK[0] + 1), OPEN, NOW, ("wrong_amount", MARK[0])),
        (leg(units=MARK[1] - 1), OPEN, NOW, ("wrong_amount", MARK[0])),
        (leg(tariff=price(450, 1, OPEN_ENDED)), OPEN, NOW, ("unknown_tariff", 0)),
        (leg(tariff=Tariff("s", 450, 1, "EUR")), OPEN, NOW, ("unknown_tariff", 0)),
        (leg(tariff=Tariff("W.h", 450, 1, "USD")), OPEN, NOW, ("unknown_tariff", 0)),
        (leg(tariff=Tariff("W.h", 450, 1, "EUR", 7)), OPEN, NOW, ("unknown_tariff", 0)),
    ],
)
def test_what_no_leg_may_do_is_refused(given: Leg, state: str, now: int, refusal: object) -> None:
    assert judged(given, state, now=now) == refusal


@pytest.mark.threat("D4")
def test_a_tip_has_no_price_that_could_change() -> None:
    assert judged(leg(), before=price(300, 1, OPEN_ENDED)) == ("unknown_tariff", 0)


@pytest.mark.threat("C6")
def test_books_that_may_have_lost_legs_take_one_that_skips_some() -> None:
    assert judged(leg(9), lost=True) is RAISES


@pytest.mark.threat("D4")
def test_what_was_signed_is_never_repriced_and_what_is_beyond_is_rounded_once() -> None:
    thirds = Price(price(1, 3), *MARK)
    assert [thirds.amount_of(units) for units in (0, 5, 7, 8, 10, 11)] == [
        1_500,
        1_500,
        1_500,
        1_501,
        1_501,
        1_502,
    ]
    assert [thirds.units_within(amount) for amount in (1_500, 1_501)] == [7, 10]


@pytest.mark.threat("T1")
def test_no_leg_asks_for_more_than_the_wire_can_say() -> None:
    units = Price(price(1, 1, METERED), MAX_INT - 1, 0)
    assert units.amount_of(1) == MAX_INT
    beyond = error_of(units.amount_of, 2)
    assert beyond is not None
    assert (beyond.reason, beyond.field) == ("over_capacity", "amount")
