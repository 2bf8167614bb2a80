"""A valid signature is valid for one thing: this kind of message, this channel, these parties, this
tariff (D8, D9). Wherever else it is shown it is refused, and nothing on disk changes."""

from pathlib import Path

import pytest

from gateway.keys import GatewayKeys, verify
from gateway.store.engine import open_store
from gateway.verify import Known, check
from protocol import envelope, topics
from protocol.errors import AuthenticationError
from protocol.messages import Close, Iou
from protocol.pricing import OPEN_ENDED, Tariff
from tests.ingest.parties import PRICE, Clock, Gateway, Party, kind_of
from tests.ingest.snapshot import books
from tests.store.migrated import migrated


def _said(gateway: Gateway, device: Party, kind: str, message: bytes) -> list[str]:
    """What a message is answered with: kinds, and the reasons of refusals."""
    answers = gateway.take(device.message(kind, message))
    return [
        gateway.refusal(device, answer)[1] if kind_of(answer) == "refused" else kind_of(answer)
        for answer in answers
    ]


def _signed(device: Party, channel: bytes) -> dict[str, bytes]:
    """One message of each kind that a device makes, all of them valid."""
    return {
        "iou": device.iou_bytes(channel, 10),
        "open": device.open(device.terms(5)).payload,
        "close": device.close(channel, device.iou_bytes(channel, 10)).payload,
        "hello": device.hello().payload,
    }


@pytest.mark.threat("D8")
@pytest.mark.parametrize("made_as", ["iou", "open", "close", "hello"])
def test_a_message_of_one_kind_is_none_of_another(gateway: Gateway, made_as: str) -> None:
    device = gateway.device()
    message = _signed(device, device.opened())[made_as]
    before = books(gateway)
    for kind in topics.UP_KINDS:
        if kind != made_as:
            (said,) = _said(gateway, device, kind, message)
            assert said in ("bad_signature", "malformed"), kind
    assert books(gateway) == before


@pytest.mark.threat("D8")
def test_a_payload_signed_as_another_kind_is_refused_though_its_form_fits(gateway: Gateway) -> None:
    """Not only is the form of each kind another: the same payload under another kind's name has no
    signature."""
    device = gateway.device()
    channel = device.opened()
    payloads = {
        "iou": Iou(channel, 3_000, 10).payload(),
        "open": device.terms(5).payload(),
        "close": Close(channel, b"").payload(),
    }
    before = books(gateway)
    for kind, payload in payloads.items():
        for other in envelope.KINDS:
            if other != kind:
                message = envelope.sign1(other, payload, device.sign)
                assert _said(gateway, device, kind, message) == ["bad_signature"]
    assert books(gateway) == before


@pytest.mark.threat("D8", "N6")
def test_what_the_gateway_signs_proves_nothing_as_another_kind(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 10))
    (receipt,) = [
        answer.payload
        for answer in gateway.take(device.close(channel))
        if kind_of(answer) == "receipt"
    ]
    for kind in envelope.KINDS:
        if kind != "receipt":
            with pytest.raises(AuthenticationError):
                envelope.open_sign1(kind, receipt, gateway.keys.public, verify)
    assert check(receipt, Known(gateway.keys.public)).ok
    assert not check(receipt, Known(device.public)).ok


@pytest.mark.threat("D8", "D9")
def test_an_iou_is_of_one_channel_whoever_shows_it_where(gateway: Gateway) -> None:
    """On another channel of the same peers, on another's topic, in another channel's close."""
    device, other = gateway.device(), gateway.device()
    first, second, theirs = device.opened(1), device.opened(2), other.opened(3)
    iou = device.iou_bytes(first, 10)
    before = books(gateway)
    assert _said(gateway, other, "iou", iou) == ["not_yours"]
    assert _said(gateway, device, "iou", other.iou_bytes(theirs, 10)) == ["not_yours"]
    # The payload says which channel: put another in, and the signature is of something else.
    for channel in (second, theirs):
        moved = iou.replace(first, channel)
        (said,) = _said(gateway, device, "iou", moved)
        assert said in ("bad_signature", "not_yours")
    assert _said(gateway, device, "close", device.close(second, iou).payload) == ["not_yours"]
    foreign = device.close(second, other.iou_bytes(theirs, 10)).payload
    assert _said(gateway, device, "close", foreign) == ["not_yours"]
    assert books(gateway) == before


@pytest.mark.threat("D8", "D16")
def test_a_reopened_channel_takes_nothing_of_the_one_before(gateway: Gateway) -> None:
    """The same peers, the same terms but for the nonce: another id, so another debt."""
    device = gateway.device()
    first = device.opened(1)
    opening = device.open(device.terms(1)).payload
    ious = [device.iou_bytes(first, units) for units in (10, 20, 30)]
    gateway.take(device.message("iou", ious[1]))
    gateway.take(device.close(first))
    second = device.opened(2)
    before = books(gateway)
    for iou in ious:
        # Above the closed mark it is refused; at or below it is stale, and answered as it was.
        assert _said(gateway, device, "iou", iou)[-1] in ("ack", "receipt")
    assert _said(gateway, device, "open", opening) == ["closed", "receipt"]
    assert gateway.mark(second) == (0, 0, "open")
    assert books(gateway) == before


@pytest.mark.threat("D8")
def test_another_gateway_takes_nothing_that_was_signed_for_this_one(
    gateway: Gateway, tmp_path: Path
) -> None:
    """The same device is registered at both, with the same account and tariff."""
    clock = Clock()
    store = open_store(migrated(tmp_path / "other.db"), clock=clock)
    other = Gateway(store, clock, GatewayKeys(b"\x55" * 32))
    device, there = gateway.device(), other.device()
    assert device.public == there.public
    channel = device.opened(1)
    there.opened(2)
    before = books(other)
    assert _said(other, there, "open", device.open(device.terms(1)).payload) == ["not_yours"]
    assert _said(other, there, "iou", device.iou_bytes(channel, 10)) == ["unknown_channel"]
    assert _said(other, there, "close", device.close(channel).payload) == ["unknown_channel"]
    assert _said(other, there, "hello", device.hello().payload) == ["bad_signature"]
    # Another payee than the gateway itself is one that sells nothing here.
    for kind, reason in (("payee_key", "unknown_tariff"), ("gateway_key", "not_yours")):
        half = there.terms(9, **{kind: gateway.keys.public})
        assert _said(other, there, "open", there.open(half).payload) == [reason]
    assert books(other) == before
    store.close()


OTHER_TARIFFS = [
    Tariff("W.h", 300, 1, "USD"),
    Tariff("W.h", 300, 1, "EUR", 2),
    Tariff("W.h", 3_000, 10, "EUR"),
    Tariff("W.h", 299, 1, "EUR"),
    Tariff("W.h", 0, 1, "EUR"),
    Tariff("By", 300, 1, "EUR"),
    Tariff("W.h", 300, 1, "EUR", 6, OPEN_ENDED),
]


@pytest.mark.threat("D8", "D10")
@pytest.mark.parametrize("tariff", OTHER_TARIFFS, ids=lambda tariff: tariff.encoded().hex())
def test_other_terms_are_another_channel_and_an_unknown_tariff(
    gateway: Gateway, tariff: Tariff
) -> None:
    """A currency, a scale, a unit, a price of the same worth in another fraction: none of it is
    what the gateway offers, and an IOU on such terms is of a channel that it does not have."""
    device = gateway.device()
    agreed, other = device.terms(1), device.terms(1, tariff=tariff)
    channel = device.opened(1)
    before = books(gateway)
    assert agreed.channel_id() == channel != other.channel_id()
    assert _said(gateway, device, "open", device.open(other).payload) == ["unknown_tariff"]
    iou = device.iou_bytes(other.channel_id(), 10)
    assert _said(gateway, device, "iou", iou) == ["unknown_channel"]
    assert books(gateway) == before


@pytest.mark.threat("D8")
@pytest.mark.parametrize(
    "changes",
    [{"capacity": 1}, {"expiry": 1_800_000_001}, {"nonce": b"\xff" * 16}],
    ids=lambda changes: next(iter(changes)),
)
def test_each_field_of_the_terms_makes_another_channel(
    gateway: Gateway, changes: dict[str, object]
) -> None:
    device = gateway.device()
    channel = device.opened(1)
    terms = device.terms(1)
    for name, value in changes.items():
        setattr(terms, name, value)
    assert terms.channel_id() != channel
    assert _said(gateway, device, "iou", device.iou_bytes(terms.channel_id(), 1)) == [
        "unknown_channel"
    ]
    assert gateway.mark(channel) == (0, 0, "open")
    assert PRICE.amount(1) == 300
