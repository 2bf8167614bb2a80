"""Channels whose IOUs are claims on the XRP Ledger: no mark without what redeems it."""

import pytest
from sqlalchemy import update
from xrpl.core import keypairs

from gateway.ingest.inbox import Received
from gateway.operations.evidence import bundle_of
from gateway.settlement.verify_books import verify_books
from gateway.store import channels
from gateway.store.tables import Base
from gateway.verify_bundle import check_bundle
from gateway.xrpl_claim import claim_of
from protocol import envelope
from protocol.hashchain import Chain
from protocol.messages import Iou
from tests.ingest.parties import DROPS, PRICE, Gateway, Party, kind_of

XRPL_CHANNEL = bytes(range(32))
ELSEWHERE = b"\x05" * 32


@pytest.fixture(autouse=True)
def _drops_are_offered(gateway: Gateway) -> None:
    gateway.offer_drops()


def backed(gateway: Gateway, nonce: int = 0, **changes: object) -> tuple[Party, bytes]:
    """A device of an account in XRP, and a channel of it that names an XRPL channel."""
    device = gateway.device("rippling")
    return device, opened(device, nonce, **changes)


def opened(device: Party, nonce: int = 0, **changes: object) -> bytes:
    return device.opened(nonce, **{"xrpl_channel": XRPL_CHANNEL, "tariff": DROPS} | changes)


def right(device: Party, channel: bytes, units: int) -> Received:
    """An IOU with the claim that it must have."""
    return device.claiming(channel, units, device.claim(XRPL_CHANNEL, PRICE.amount(units)))


def test_a_mark_rises_with_its_claim_which_the_ledgers_library_takes(gateway: Gateway) -> None:
    device, channel = backed(gateway)
    (answer,) = gateway.take(right(device, channel, 10))
    assert gateway.ack(device, answer).amount == 3_000
    assert gateway.mark(channel) == (3_000, 10, "open")
    with gateway.store.read() as conn:
        row = channels.get(conn, channel)
    found = claim_of(row.open_message, row.iou, row.capacity)
    assert found is not None
    assert found.drops == row.amount
    said = b"CLM\x00" + XRPL_CHANNEL + (3_000).to_bytes(8, "big")
    assert keypairs.is_valid_message(said, found.signature, found.public_key)


WRONG = {
    "none": lambda _device, _other: b"",
    "one drop more": lambda device, _other: device.claim(XRPL_CHANNEL, 3_001),
    "one drop less": lambda device, _other: device.claim(XRPL_CHANNEL, 2_999),
    "another channel's": lambda device, _other: device.claim(ELSEWHERE, 3_000),
    "somebody else's": lambda _device, other: other.claim(XRPL_CHANNEL, 3_000),
    "an older one": lambda device, _other: device.claim(XRPL_CHANNEL, 300),
    "zeros": lambda _device, _other: bytes(64),
}


@pytest.mark.threat("D17")
def test_d17_a_claim_that_does_not_pay_the_amount_leaves_no_trace(gateway: Gateway) -> None:
    device, channel = backed(gateway)
    other = gateway.device("rippling")
    gateway.take(right(device, channel, 1))
    for what, wrong in WRONG.items():
        (answer,) = gateway.take(device.claiming(channel, 10, wrong(device, other)))
        assert gateway.refusal(device, answer) == ("iou", "bad_xrpl_claim", 3_000), what
        assert gateway.mark(channel) == (300, 1, "open"), what
    # Nor is anything held against the device, which pays right the next time.
    (answer,) = gateway.take(right(device, channel, 10))
    assert gateway.ack(device, answer).amount == 3_000


@pytest.mark.threat("D17")
def test_d17_of_several_the_newest_whose_claim_holds_counts(gateway: Gateway) -> None:
    device, channel = backed(gateway)
    bad = [
        device.claiming(channel, 12, device.claim(XRPL_CHANNEL, 1)),
        device.claiming(channel, 11, b""),
    ]
    answers = gateway.take(bad[0], right(device, channel, 9), bad[1], right(device, channel, 10))
    assert sorted(kind_of(each) for each in answers) == ["ack", "refused", "refused"]
    assert gateway.mark(channel) == (3_000, 10, "open")


@pytest.mark.threat("D17")
def test_d17_a_claim_that_nobody_asked_for_is_refused_too(gateway: Gateway) -> None:
    device = gateway.device("rippling")
    channel = device.opened(tariff=DROPS)
    (answer,) = gateway.take(right(device, channel, 10))
    assert gateway.refusal(device, answer) == ("iou", "bad_xrpl_claim", 3_000)
    (answer,) = gateway.take(device.iou(channel, 10))
    assert gateway.ack(device, answer).amount == 3_000


@pytest.mark.threat("D8", "D17")
def test_d17_a_claim_is_no_iou_and_an_ious_signature_no_claim(gateway: Gateway) -> None:
    device, channel = backed(gateway)
    plain = device.iou_bytes(channel, 10)
    (answer,) = gateway.take(device.claiming(channel, 10, plain[-64:]))
    assert gateway.refusal(device, answer)[1] == "bad_xrpl_claim"
    payload = Iou(channel, 3_000, 10, xrpl_claim=device.claim(XRPL_CHANNEL, 3_000)).payload()
    with_a_claim = envelope.sign1("iou", payload, lambda _data: device.claim(XRPL_CHANNEL, 3_000))
    (answer,) = gateway.take(device.message("iou", with_a_claim))
    assert gateway.refusal(device, answer)[1] == "bad_signature"
    assert gateway.mark(channel) == (0, 0, "open")


def test_there_are_no_ticks_on_such_a_channel(gateway: Gateway) -> None:
    device, channel = backed(gateway)
    chain = Chain(b"s" * 32, 10)
    iou = Iou(channel, 3_000, 10, chain.root, 10, device.claim(XRPL_CHANNEL, 3_000))
    message = envelope.sign1("iou", iou.payload(), device.sign)
    (answer,) = gateway.take(device.message("iou", message))
    assert gateway.refusal(device, answer) == ("iou", "no_chain", 0)
    gateway.take(right(device, channel, 10))
    (answer,) = gateway.take(device.tick(channel, 1, chain.value(1)))
    assert gateway.refusal(device, answer)[1] == "no_chain"
    assert gateway.mark(channel) == (3_000, 10, "open")


def test_an_xrpl_channel_is_named_once_by_its_device_even_after_the_close(
    gateway: Gateway,
) -> None:
    device, channel = backed(gateway)
    again = device.open(device.terms(1, tariff=DROPS, xrpl_channel=XRPL_CHANNEL))
    assert gateway.reasons(device, again) == ["xrpl_channel_used"]
    gateway.take(device.close(channel))
    assert gateway.mark(channel)[2] == "closed"
    assert gateway.reasons(device, again) == ["xrpl_channel_used"]
    opened(device, 2, xrpl_channel=ELSEWHERE)
    # Another device can't take it away: whose it is, its key says.
    backed(gateway)


@pytest.mark.threat("D17")
def test_d17_a_close_whose_iou_has_no_claim_closes_nothing(gateway: Gateway) -> None:
    device, channel = backed(gateway)
    assert gateway.reasons(device, device.close(channel, device.iou_bytes(channel, 10))) == [
        "bad_xrpl_claim"
    ]
    assert gateway.mark(channel) == (0, 0, "open")
    last = device.claiming_bytes(channel, 10, device.claim(XRPL_CHANNEL, 3_000))
    _ack, receipt = gateway.take(device.close(channel, last))
    assert gateway.receipt(receipt).amount == 3_000
    assert gateway.mark(channel) == (3_000, 10, "closed")


def test_a_contradiction_is_one_with_or_without_a_claim(gateway: Gateway) -> None:
    device, channel = backed(gateway)
    gateway.take(right(device, channel, 10))
    assert "conflict" in gateway.reasons(device, device.iou(channel, 11, 3_000))
    assert gateway.mark(channel) == (3_000, 10, "frozen")


def test_books_and_evidence_hold_each_mark_against_its_claim(gateway: Gateway) -> None:
    device, channel = backed(gateway)
    gateway.take(right(device, channel, 10))
    assert verify_books(gateway.store, *gateway.keys.publics).discrepancies == []
    whole = bundle_of(gateway.store, gateway.keys, channel)
    assert check_bundle(whole, [device.public]).ok
    forged = device.claiming_bytes(channel, 10, device.claim(XRPL_CHANNEL, 2_999))
    with gateway.store.write() as conn:
        table = Base.metadata.tables["channel"]
        conn.execute(update(table).where(table.c.id == channel).values(iou=forged))
    (found,) = verify_books(gateway.store, *gateway.keys.publics).discrepancies
    assert "iou.xrpl_claim" in found.what
    report = check_bundle(bundle_of(gateway.store, gateway.keys, channel), [device.public])
    # What rests on the mark falls with it.
    assert next(each.what for each in report.checks if not each.ok) == "IOUs"
