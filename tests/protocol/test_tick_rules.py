"""The rule of ticks in single figures: what a tick comes to, and how long a chain may be.

Each case stands at an edge, with what lies on both sides of it.
"""

import pytest

from protocol import payee
from protocol.errors import ProtocolError
from protocol.hashchain import MAX_LENGTH, MAX_STEPS
from protocol.messages import Iou
from protocol.payee import CLOSED, FROZEN, OPEN, RAISES
from protocol.pricing import OPEN_ENDED, Tariff
from tests.protocol.parties import NOW, price, terms

EXPIRY = NOW + 86_400
CAPACITY = 30_000_000
LAST = 100_000
"""Units that the capacity pays for."""
BASE = 2
"""Units of the last IOU, of which each tick of its chain pays for one more."""
TIPS = price(300, 1, OPEN_ENDED)
DIMES = price(1, 10)


def judged(
    index: int,
    state: str = OPEN,
    known: int = 3,
    length: int = 10,
    base: int = BASE,
    mark: int = 1_500,
    now: int = NOW,
    tariff: Tariff | None = None,
) -> object:
    """The mark that a tick makes, None, or reason and expected figure of the refusal."""
    agreed = terms(tariff) if tariff else terms()
    try:
        return payee.judge_tick(agreed, state, mark, base, length, known, index, now)
    except ProtocolError as error:
        return error.reason, error.expected


@pytest.mark.threat("D2", "D4", "D5")
@pytest.mark.parametrize("state", [OPEN, FROZEN, CLOSED])
@pytest.mark.parametrize("index", [1, 2, 3])
def test_what_is_known_already_is_stale_whatever_the_state(state: str, index: int) -> None:
    assert judged(index, state, now=EXPIRY) is None


@pytest.mark.threat("D4", "D5")
@pytest.mark.parametrize(("index", "mark"), [(4, (1_800, 6)), (5, (2_100, 7)), (10, (3_600, 12))])
def test_the_mark_is_what_the_units_cost_up_to_the_end_of_the_chain(
    index: int, mark: tuple[int, int]
) -> None:
    assert judged(index) == mark
    assert judged(index, now=EXPIRY - 1) == mark


@pytest.mark.threat("D4", "D10", "D16")
@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"index": 4, "state": CLOSED}, ("closed", 1_500)),
        ({"index": 4, "state": FROZEN}, ("frozen", 0)),
        ({"index": 4, "length": 0}, ("no_chain", 0)),
        ({"index": 1, "length": 0, "known": 0}, ("no_chain", 0)),
        # Without a chain nothing is known of it, whatever its number.
        ({"index": 0, "length": 0, "known": 0}, ("no_chain", 0)),
        ({"index": 4, "tariff": TIPS}, ("no_chain", 0)),
        ({"index": 11}, ("bad_tick", 10)),
        ({"index": 4, "now": EXPIRY}, ("expired", EXPIRY)),
    ],
)
def test_what_no_tick_may_do_is_refused(given: dict[str, object], refusal: object) -> None:
    assert judged(**given) == refusal  # type: ignore[arg-type]


@pytest.mark.threat("D14")
def test_a_tick_reaches_so_far_and_no_further() -> None:
    """What it costs to check one is bounded."""
    furthest = 3 + MAX_STEPS
    assert judged(furthest, length=MAX_LENGTH) == ((BASE + furthest) * 300, BASE + furthest)
    assert judged(furthest + 1, length=MAX_LENGTH) == ("bad_tick", furthest)


@pytest.mark.threat("D4")
def test_ticks_end_at_the_capacity() -> None:
    assert judged(4, base=LAST - 4) == (CAPACITY, LAST)
    assert judged(4, base=LAST - 3) == ("over_capacity", CAPACITY)


def test_a_tick_that_costs_nothing_yet_raises_nothing() -> None:
    assert judged(7, base=BASE, mark=0, tariff=DIMES) is None
    assert judged(8, base=BASE, mark=0, tariff=DIMES) == (1, 10)
    assert judged(9, base=BASE, mark=1, tariff=DIMES) is None


@pytest.mark.threat("D14")
def test_no_longer_chain_than_may_be_is_agreed_to() -> None:
    def verdict(length: int) -> object:
        iou = Iou(bytes(32), 900, 3, bytes(32), length)
        try:
            return payee.judge(terms(), OPEN, 600, 2, iou, NOW)
        except ProtocolError as error:
            return error.reason, error.expected

    assert verdict(MAX_LENGTH) == RAISES
    assert verdict(MAX_LENGTH + 1) == ("bad_tick", MAX_LENGTH)
