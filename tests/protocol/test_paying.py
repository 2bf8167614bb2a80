"""The paying side's rules: what a device signs, whom it believes, and what it carries on."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.keys import verify
from protocol import MAX_INT, cbor, payer
from protocol.errors import ProtocolError
from protocol.messages import CLOSE, Ack, Grant, Iou, Receipt, Resumed, Terms
from protocol.payer import CLOSING, PayerChannel, read_record
from tests.protocol.parties import (
    DEVICE,
    GATEWAY,
    NOW,
    OTHER,
    error_of,
    iou_message,
    opened,
    price,
    terms,
)

totals = st.lists(st.integers(0, 200_000), max_size=30)


def pay(channel: PayerChannel, total: int) -> Iou | None:
    """Sign what the meter shows, as a device does."""
    iou = channel.next_iou(total)
    if iou is not None:
        channel.signed(iou, iou_message(iou))
    return iou


def resumed(agreed: Terms, iou: Iou | None, by: object = DEVICE) -> Resumed:
    last = b"" if iou is None else iou_message(iou, by)  # type: ignore[arg-type]
    return Resumed(DEVICE.sign1("open", agreed.payload()), last, 1_000, 0)


@settings(max_examples=200, deadline=None)
@given(totals, st.integers(0, 400), st.integers(1, 400), st.integers(0, 10**6))
def test_what_is_signed_only_rises_is_priced_and_fits_the_capacity(
    shown: list[int], numerator: int, denominator: int, capacity: int
) -> None:
    channel = opened(terms(price(numerator, denominator), capacity=capacity), base=50)
    signed = [iou for iou in (pay(channel, total) for total in shown) if iou is not None]
    for before, after in itertools.pairwise(signed):
        assert after.amount > before.amount
        assert after.units > before.units
    for iou in signed:
        assert iou.amount == channel.terms.tariff.amount(iou.units) <= capacity
        assert iou.units <= max(shown) - 50


@pytest.mark.parametrize(("amount", "units"), [(600, 2), (600, 3), (599, 9), (900, 1), (0, 0)])
def test_signing_no_more_than_before_is_an_error(amount: int, units: int) -> None:
    channel = opened(terms())
    pay(channel, 2)
    before = channel.record()
    with pytest.raises(ProtocolError) as caught:
        channel.signed(Iou(channel.id, amount, units), b"")
    assert (caught.value.reason, channel.record()) == ("conflict", before)


def test_signing_more_than_the_capacity_is_an_error() -> None:
    channel = opened(terms(price(1, 1, 1), capacity=5))
    with pytest.raises(ProtocolError) as caught:
        channel.signed(Iou(channel.id, 6, 0), b"")
    assert (caught.value.reason, caught.value.expected) == ("over_capacity", 5)


def test_nothing_is_signed_before_the_gateway_accepts_the_terms() -> None:
    channel = PayerChannel(DEVICE.sign1("open", terms().payload()), 0)
    assert channel.next_iou(10) is None
    assert not channel.may_deliver(0)
    channel.opened(1_000, 0)
    assert pay(channel, 10) is not None


@pytest.mark.threat("D12")
def test_d12_a_device_that_lost_everything_goes_on_from_its_own_signature() -> None:
    agreed = terms()
    known = resumed(agreed, Iou(agreed.channel_id(), 15_000, 50))
    channel = payer.adopt(known, DEVICE.public, [GATEWAY.public], 0, verify)
    assert (channel.signed_amount, channel.signed_units, channel.base) == (15_000, 50, -50)
    assert channel.next_iou(0) is None
    iou = pay(channel, 1)
    assert iou is not None
    assert (iou.amount, iou.units) == (15_300, 51)


@pytest.mark.threat("D12")
def test_d12_a_forgotten_channel_without_payments_starts_where_the_meter_stands() -> None:
    known = resumed(terms(), None)
    channel = payer.adopt(known, DEVICE.public, [GATEWAY.public], 700, verify)
    assert (channel.base, channel.next_iou(700)) == (700, None)


@pytest.mark.threat("D12")
def test_d12_only_the_devices_own_signatures_are_adopted() -> None:
    agreed = terms()
    iou = Iou(agreed.channel_id(), 15_000, 50)
    foreign = terms(payer=OTHER)
    lies = {
        "an IOU that the gateway signed": resumed(agreed, iou, GATEWAY),
        "an IOU on another channel": resumed(agreed, Iou(bytes(32), 15_000, 50)),
        "terms that the gateway signed": Resumed(
            GATEWAY.sign1("open", agreed.payload()), b"", 1_000, 0
        ),
        "terms of another payer": Resumed(DEVICE.sign1("open", foreign.payload()), b"", 9, 0),
        "terms with another gateway": Resumed(
            DEVICE.sign1("open", terms(gateway=OTHER).payload()), b"", 9, 0
        ),
        "an IOU in place of terms": Resumed(iou_message(iou), b"", 9, 0),
    }
    for name, known in lies.items():
        error = error_of(payer.adopt, known, DEVICE.public, [GATEWAY.public], 0, verify)
        assert error is not None, name


@pytest.mark.threat("D13")
def test_d13_an_iou_of_a_copy_of_the_device_is_told_and_changes_nothing() -> None:
    channel = opened(terms())
    pay(channel, 10)
    before = channel.record()
    for amount, units in ((3_000, 11), (300, 50)):
        known = resumed(channel.terms, Iou(channel.id, amount, units))
        error = error_of(channel.resumed, known, 10, verify)
        assert error is not None
        assert (error.reason, channel.record()) == ("conflict", before)


@pytest.mark.threat("D12")
@settings(max_examples=200, deadline=None)
@given(st.integers(0, 500), st.integers(1, 500), st.integers(0, 500), st.integers(0, 500))
def test_d12_a_resume_never_charges_twice_and_never_forgets_what_was_measured(
    base: int, paid: int, mine: int, measured: int
) -> None:
    channel = opened(terms(), base)
    mine = min(mine, measured)
    pay(channel, base + mine)
    total = base + measured
    amount = 300 * paid
    channel.resumed(resumed(channel.terms, Iou(channel.id, amount, paid)), total, verify)
    pay(channel, total)
    assert channel.signed_units == max(paid, measured)
    assert channel.units(total) == max(paid, measured)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 1_000), st.integers(0, 1_000), st.integers(0, 1_000), st.integers(1, 1_000))
def test_units_are_carried_exactly_once_into_the_next_channel(
    base: int, signed: int, unsigned: int, accepted: int
) -> None:
    agreed = terms()
    channel = opened(agreed, base)
    pay(channel, base + signed)
    channel.state = CLOSING
    total = base + signed + unsigned
    accepted = min(accepted, signed)
    receipt = Receipt(channel.id, 300 * accepted, accepted, CLOSE, NOW)
    following = opened(terms(nonce=1), channel.carried(total, receipt))
    pay(following, total)
    assert accepted + following.signed_units == signed + unsigned
    unproven = opened(terms(nonce=2), channel.carried(total, None))
    pay(unproven, total)
    assert signed + unproven.signed_units == signed + unsigned


def test_units_beyond_the_capacity_are_the_next_channels() -> None:
    channel = opened(terms(capacity=3_000))
    iou = pay(channel, 25)
    assert iou is not None
    assert (iou.units, channel.is_full(25), channel.is_full(9)) == (10, True, False)
    receipt = Receipt(channel.id, 3_000, 10, CLOSE, NOW)
    following = opened(terms(nonce=1), channel.carried(25, receipt))
    rest = pay(following, 25)
    assert rest is not None
    assert rest.units == 15


@pytest.mark.threat("N6")
@pytest.mark.parametrize(
    "wrong",
    [
        Receipt(bytes(32), 300, 1, CLOSE, NOW),
        Receipt(terms().channel_id(), 300, 1, 0, NOW),
        Receipt(terms().channel_id(), 301, 1, CLOSE, NOW),
        Receipt(terms().channel_id(), 300, 2, CLOSE, NOW),
    ],
    ids=["of another channel", "no close", "more money than signed", "more units than signed"],
)
def test_a_receipt_that_does_not_fit_is_an_error(wrong: Receipt) -> None:
    channel = opened(terms())
    pay(channel, 1)
    with pytest.raises(ProtocolError) as caught:
        channel.carried(1, wrong)
    assert caught.value.reason == "conflict"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 5)), max_size=20))
def test_the_limit_is_the_highest_of_the_highest_serial(grants: list[tuple[int, int]]) -> None:
    channel = opened(terms())
    channel.granted(Grant(channel.id, 0, 1))
    seen = [(0, 1)]
    for limit, serial in grants:
        channel.granted(Grant(channel.id, limit, serial))
        seen.append((limit, serial))
        newest = max(serial for _, serial in seen)
        assert channel.serial == newest
        assert channel.limit == max(limit for limit, serial in seen if serial == newest)


@pytest.mark.threat("D11")
def test_d11_delivery_stops_at_the_limit_and_goes_on_with_an_ack() -> None:
    channel = opened(terms())
    assert channel.may_deliver(999)
    assert not channel.may_deliver(1_000)
    pay(channel, 1_000)
    assert not channel.may_deliver(1_000)
    channel.acked(Ack(channel.id, 300_000, 1_000, 2_000, 0))
    assert channel.may_deliver(1_999)
    assert channel.is_settled()


@pytest.mark.threat("N6")
@pytest.mark.parametrize(("amount", "units"), [(601, 2), (600, 3), (MAX_INT, MAX_INT)])
def test_an_ack_for_more_than_was_signed_changes_nothing(amount: int, units: int) -> None:
    channel = opened(terms())
    pay(channel, 2)
    before = channel.record()
    with pytest.raises(ProtocolError) as caught:
        channel.acked(Ack(channel.id, amount, units, MAX_INT, 9))
    assert (caught.value.reason, channel.record()) == ("conflict", before)


@settings(max_examples=300, deadline=None)
@given(st.integers(-1_000, 1_000), st.integers(0, 1_000), st.integers(0, 2), st.integers(0, 900))
def test_records_come_back_as_they_were(base: int, units: int, state: int, limit: int) -> None:
    channel = opened(terms(), base)
    if pay(channel, base + units) is not None and units % 2:
        channel.acked(Ack(channel.id, channel.signed_amount, units, limit, 3))
    channel.state = state
    stored = cbor.encode(channel.record())
    again = read_record(cbor.decode(stored))
    assert cbor.encode(again.record()) == stored
    assert set(vars(again)) == set(vars(channel))
    for name in ("id", "base", "state", "iou", "signed_amount", "signed_units", "limit", "serial"):
        assert getattr(again, name) == getattr(channel, name)


@settings(max_examples=1_000, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 7), st.booleans())
def test_a_damaged_record_is_read_or_is_a_typed_error(at: int, bit: int, cut: bool) -> None:
    channel = opened(terms(), -5)
    pay(channel, 2)
    stored = bytearray(cbor.encode(channel.record()))
    at %= len(stored)
    stored[at] ^= 1 << bit
    damaged = bytes(stored[:at] if cut else stored)
    error = error_of(lambda: read_record(cbor.decode(damaged)))
    assert error is None or error.field
