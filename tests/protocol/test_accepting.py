"""The accepting side's rule: what may raise a mark, and what never changes it."""

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import MAX_INT, payee
from protocol.errors import ProtocolError
from protocol.messages import Iou, Terms, read_iou
from protocol.payee import CLOSED, CONTRADICTS, FROZEN, OPEN, RAISES, STALE
from protocol.pricing import OPEN_ENDED, Tariff
from tests.protocol.parties import NOW, PRICE, error_of, numbers, opened, price, terms

fractions = st.tuples(st.integers(0, 5_000), st.integers(1, 5_000))


@dataclass
class Channel:
    """The least payee there can be: a mark, and a state that a contradiction freezes."""

    terms: Terms
    amount: int = 0
    units: int = 0
    state: str = OPEN

    def take(self, iou: Iou, now: int = NOW) -> str:
        """What came of this IOU: a verdict or the reason of its refusal."""
        try:
            verdict = payee.judge(self.terms, self.state, self.amount, self.units, iou, now)
        except ProtocolError as error:
            return error.reason
        if verdict == RAISES:
            self.amount, self.units = iou.amount, iou.units
        elif verdict == CONTRADICTS:
            self.state = payee.TRANSITIONS[(self.state, "freeze")]
        return verdict


def iou(amount: int, units: int) -> Iou:
    return Iou(b"\x00" * 32, amount, units)


def honest(tariff: Tariff, steps: list[int]) -> list[Iou]:
    """What a payer signs while its meter goes on by these steps."""
    channel = opened(terms(tariff, capacity=MAX_INT))
    total, found = 0, []
    for step in steps:
        total += step
        paid = channel.next_iou(total)
        if paid is not None:
            channel.signed(paid, b"")
            found.append(paid)
    return found


traces = st.lists(st.integers(0, 9_999), max_size=30)


@pytest.mark.threat("D1", "D5")
@settings(max_examples=400, deadline=None)
@given(fractions, traces, st.integers(0, 2**32))
def test_d1_d5_any_order_and_any_number_of_copies_give_the_same_mark(
    fraction: tuple[int, int], steps: list[int], seed: int
) -> None:
    trace = honest(price(*fraction), steps)
    delivered = trace * 3
    random.Random(seed).shuffle(delivered)
    channel = Channel(terms(price(*fraction), capacity=MAX_INT))
    verdicts = [channel.take(paid) for paid in delivered]
    assert set(verdicts) <= {RAISES, STALE}
    assert (channel.amount, channel.units) == max(
        [(paid.amount, paid.units) for paid in trace], default=(0, 0)
    )


@pytest.mark.threat("D5")
@settings(max_examples=400, deadline=None)
@given(traces, st.integers(0, 2**32))
def test_d5_lost_messages_cost_nothing_once_the_last_arrives(steps: list[int], seed: int) -> None:
    trace = honest(PRICE, [*steps, 1])
    some = [paid for paid in trace[:-1] if random.Random(seed).random() < 0.5]
    channel = Channel(terms(capacity=MAX_INT))
    for paid in [*some, trace[-1]]:
        channel.take(paid)
    assert channel.amount == trace[-1].amount == PRICE.amount(sum(steps) + 1)


@pytest.mark.threat("D2", "D4")
@settings(max_examples=1_000, deadline=None)
@given(
    fractions,
    st.sampled_from([0, OPEN_ENDED]),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=30),
    st.sampled_from([OPEN, FROZEN, CLOSED]),
)
def test_the_mark_only_rises_and_never_past_the_capacity(
    fraction: tuple[int, int], pricing: int, claims: list[tuple[int, int]], state: str
) -> None:
    channel = Channel(terms(price(*fraction, pricing), capacity=40), state=state)
    for amount, units in claims:
        before = (channel.amount, channel.units)
        verdict = channel.take(iou(amount, units))
        assert (channel.amount > before[0]) == (verdict == RAISES)
        assert channel.units >= before[1]
        assert channel.amount <= 40
        assert verdict != RAISES or (amount, units) == (channel.amount, channel.units)
        assert state == OPEN or (channel.amount, channel.units) == (0, 0)


@settings(max_examples=300, deadline=None)
@given(numbers, numbers, numbers, numbers, st.integers(0, 2**40))
def test_every_answer_has_a_place_on_the_wire(
    mark: int, units: int, amount: int, claimed: int, now: int
) -> None:
    error = error_of(payee.judge, terms(), OPEN, mark, units, iou(amount, claimed), now)
    assert error is None or 0 <= error.expected <= MAX_INT


@pytest.mark.threat("D1")
def test_d1_the_same_iou_a_thousand_times_is_one_effect() -> None:
    channel = Channel(terms())
    verdicts = [channel.take(iou(300, 1)) for _ in range(1_000)]
    assert verdicts == [RAISES] + [STALE] * 999
    assert (channel.amount, channel.units) == (300, 1)


@pytest.mark.threat("D2")
@pytest.mark.parametrize("state", [OPEN, FROZEN, CLOSED])
@pytest.mark.parametrize("now", [NOW, NOW + 10**6])
@pytest.mark.parametrize("earlier", [(0, 0), (300, 1), (600, 2)])
def test_d2_at_or_below_the_mark_is_stale_whatever_the_state(
    state: str, now: int, earlier: tuple[int, int]
) -> None:
    channel = Channel(terms(), 600, 2, state)
    assert channel.take(iou(*earlier), now) == STALE
    assert (channel.amount, channel.units, channel.state) == (600, 2, state)


@pytest.mark.threat("D3")
@pytest.mark.parametrize(("amount", "units"), [(600, 1), (600, 3), (300, 3), (900, 1)])
def test_d3_what_contradicts_freezes_and_charges_nothing(amount: int, units: int) -> None:
    channel = Channel(terms(), 600, 2)
    assert channel.take(iou(amount, units)) == CONTRADICTS
    assert (channel.amount, channel.units, channel.state) == (600, 2, FROZEN)
    assert channel.take(iou(900, 3)) == "frozen"


@pytest.mark.threat("D3")
@settings(max_examples=300, deadline=None)
@given(fractions, traces, st.randoms(use_true_random=False))
def test_d3_an_honest_payer_never_contradicts_itself(
    fraction: tuple[int, int], steps: list[int], chance: random.Random
) -> None:
    trace = honest(price(*fraction), steps)
    for paid in trace:
        channel = Channel(terms(price(*fraction), capacity=MAX_INT), paid.amount, paid.units)
        assert channel.take(chance.choice(trace)) in (RAISES, STALE)


@pytest.mark.threat("D4")
@pytest.mark.parametrize(
    ("amount", "units", "outcome"),
    [
        (30_000_000, 100_000, RAISES),
        (30_000_001, 100_000, "over_capacity"),
        (30_000_300, 100_001, "over_capacity"),
        (MAX_INT, 100_000, "over_capacity"),
        (30_000_000, MAX_INT, "over_capacity"),
    ],
)
def test_d4_up_to_the_capacity_and_not_one_further(amount: int, units: int, outcome: str) -> None:
    assert Channel(terms()).take(iou(amount, units)) == outcome


@pytest.mark.threat("D4")
@pytest.mark.parametrize(
    "encoded", ["1b8000000000000000", "1bffffffffffffffff", "20", "f93c00", "f97e00", "f5", "6131"]
)
def test_d4_an_amount_that_is_no_count_never_reaches_the_rule(encoded: str) -> None:
    payload = b"\xa3\x01\x58\x20" + bytes(32) + b"\x02" + bytes.fromhex(encoded) + b"\x03\x01"
    with pytest.raises(ProtocolError) as caught:
        read_iou(payload)
    assert caught.value.reason == "malformed"


@pytest.mark.threat("D10")
@settings(max_examples=400, deadline=None)
@given(fractions, st.integers(0, 10**6), st.integers(-3, 3))
def test_d10_only_what_the_tariff_asks_for_is_accepted(
    fraction: tuple[int, int], units: int, off: int
) -> None:
    tariff = price(*fraction)
    amount = tariff.amount(units) + off
    if amount <= 0:
        return
    outcome = Channel(terms(tariff, capacity=MAX_INT)).take(iou(amount, units))
    assert outcome == (RAISES if off == 0 else "wrong_amount")


@pytest.mark.threat("D10")
def test_d10_another_price_is_another_tariff_and_another_channel() -> None:
    old, new = terms(), terms(price(301, 1))
    assert old.tariff.id() != new.tariff.id()
    assert old.channel_id() != new.channel_id()
    assert Channel(old).take(iou(301, 1)) == "wrong_amount"


@settings(max_examples=400, deadline=None)
@given(fractions, traces, st.integers(0, 50), numbers)
def test_rounding_never_adds_up_and_the_capacity_is_used_to_its_last_unit(
    fraction: tuple[int, int], steps: list[int], more: int, amount: int
) -> None:
    tariff = price(*fraction)
    total = sum(steps)
    exact = total * fraction[0]
    assert tariff.amount(total) * fraction[1] <= exact < (tariff.amount(total) + 1) * fraction[1]
    assert tariff.amount(total) <= tariff.amount(total + more)
    most = tariff.units_within(amount)
    if most < MAX_INT:
        assert most * fraction[0] // fraction[1] <= amount < (most + 1) * fraction[0] // fraction[1]


@settings(max_examples=400, deadline=None)
@given(fractions, st.integers(1, 10**6), st.integers(1, 2_000), st.integers(1, 60))
def test_whoever_delivers_up_to_the_limit_can_always_pay_on(
    fraction: tuple[int, int], capacity: int, window: int, rounds: int
) -> None:
    agreed = terms(price(*fraction), capacity=capacity)
    device, channel = opened(agreed), Channel(agreed)
    for _ in range(rounds):
        limit = payee.limit(agreed, channel.units, window)
        paid = device.next_iou(limit)
        if paid is None:
            assert limit == agreed.tariff.units_within(capacity)
            return
        device.signed(paid, b"")
        assert channel.take(paid) == RAISES


@pytest.mark.threat("D16")
def test_every_way_out_of_a_state_is_in_the_table_and_closed_is_the_end() -> None:
    assert {before for before, _ in payee.TRANSITIONS} == {OPEN, FROZEN}
    assert set(payee.TRANSITIONS.values()) == {OPEN, FROZEN, CLOSED}
