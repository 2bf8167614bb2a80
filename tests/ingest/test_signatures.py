"""Signatures at the edges, sent to the gateway: none moves a mark, opens or closes a channel
(D6, D7)."""

import pytest
from nacl.signing import SigningKey

from firmware.crypto import ed25519
from firmware.crypto.curve import L
from gateway.ingest.directory import KnownDevice, MacKeys
from protocol import envelope
from protocol.messages import Close, Iou
from tests.ingest.parties import PRICE, Gateway, Party, kind_of
from tests.ingest.snapshot import books
from tests.protocol.edge_signatures import BASE, EIGHT
from tests.protocol.small_order import NON_CANONICAL, SMALL_ORDER, challenge, encoding, mixed, plus
from tests.protocol.small_order import times as multiple

ORDER_8_AND_ALL_ELSE = {*SMALL_ORDER, *NON_CANONICAL}


def _payloads(device: Party, channel: bytes) -> dict[str, bytes]:
    """One payload of each kind that a device signs."""
    return {
        "iou": Iou(channel, PRICE.amount(10), 10).payload(),
        "close": Close(channel, b"").payload(),
        "open": device.terms(7).payload(),
    }


def _refused(gateway: Gateway, device: Party, kind: str, message: bytes, reason: str) -> None:
    answers = gateway.take(device.message(kind, message))
    assert [kind_of(answer) for answer in answers] == ["refused"]
    assert gateway.refusal(device, answers[0])[1] == reason


@pytest.mark.threat("D7")
@pytest.mark.parametrize("kind", ["iou", "open", "close"])
def test_each_bit_of_a_message_counts(gateway: Gateway, kind: str) -> None:
    """All 512 bits of the signature, and all bits of everything before it."""
    device = gateway.device()
    channel = device.opened()
    good = envelope.sign1(kind, _payloads(device, channel)[kind], device.sign)
    before = books(gateway)
    batch = []
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit >> 3] ^= 1 << (bit & 7)
        batch.append(device.message(kind, bytes(bad)))
    for start in range(0, len(batch), 200):
        answers = gateway.take(*batch[start : start + 200])
        assert {kind_of(answer) for answer in answers} == {"refused"}
        reasons = {gateway.refusal(device, answer)[1] for answer in answers}
        # A changed channel id or terms that name another key are found out before the signature.
        assert reasons <= {"malformed", "bad_signature", "unknown_channel", "over_capacity",
                           "wrong_amount"}  # fmt: skip
    assert books(gateway) == before
    assert [kind_of(each) for each in gateway.take(device.message(kind, good))] != ["refused"]


@pytest.mark.threat("D7")
@pytest.mark.parametrize("kind", ["iou", "open", "close"])
def test_each_other_length_is_malformed(gateway: Gateway, kind: str) -> None:
    device = gateway.device()
    channel = device.opened()
    good = envelope.sign1(kind, _payloads(device, channel)[kind], device.sign)
    before = books(gateway)
    for bad in (*(good[:size] for size in range(len(good))), good + b"\0", good + good):
        _refused(gateway, device, kind, bad, "malformed")
    assert books(gateway) == before


@pytest.mark.threat("D7")
@pytest.mark.parametrize("kind", ["iou", "open", "close"])
def test_what_only_other_verifiers_take_is_a_bad_signature(gateway: Gateway, kind: str) -> None:
    """Made with the device's own key: S of L or more, and R of small or mixed order or not
    canonical, for which the equation holds with the cofactor, with many also without."""
    device = gateway.device()
    channel = device.opened()
    payload = _payloads(device, channel)[kind]
    scalar, _ = ed25519.secret_scalar(bytes(device.key))
    signed = envelope.sign_structure(kind, payload)
    r, s = device.sign(signed)[:32], int.from_bytes(device.sign(signed)[32:], "little")
    bad = [r + (s + n * L).to_bytes(32, "little") for n in range(1, 15)]
    bad.append(r + (s | 1 << 255).to_bytes(32, "little"))
    for commitment in ORDER_8_AND_ALL_ELSE:
        k = challenge(commitment, device.public, signed)
        bad.append(commitment + (k * scalar % L).to_bytes(32, "little"))
    for number in range(1, 8):
        of = plus(multiple(12_345, BASE), multiple(number, EIGHT))
        k = challenge(encoding(of), device.public, signed)
        bad.append(encoding(of) + ((12_345 + k * scalar) % L).to_bytes(32, "little"))
    before = books(gateway)
    for signature in bad:
        message = envelope.sign1(kind, payload, lambda _, made=signature: made)
        _refused(gateway, device, kind, message, "bad_signature")
    assert books(gateway) == before


@pytest.mark.threat("D6")
def test_no_signature_under_a_key_that_nobody_can_hold_is_taken(gateway: Gateway) -> None:
    """Were such a key among the known ones in spite of everything, what fits every message under it
    elsewhere would still open no channel here."""
    device = gateway.device()
    device.opened()
    before = books(gateway)
    identity = (1).to_bytes(32, "little")
    for key in sorted(ORDER_8_AND_ALL_ELSE):
        known = KnownDevice(device.id, key, "fleet", "active", MacKeys(gateway.keys, device.public))
        gateway.context.directory._devices[device.id] = known
        payload = device.terms(7, payer_key=key).payload()
        for signature in (identity + bytes(32), key + bytes(32), bytes(64)):
            message = envelope.sign1("open", payload, lambda _, made=signature: made)
            _refused(gateway, device, "open", message, "bad_signature")
    assert books(gateway) == before


@pytest.mark.threat("D6", "D7")
def test_a_signature_of_any_other_key_is_refused(gateway: Gateway) -> None:
    device, other = gateway.device(), gateway.device()
    channel = device.opened()
    before = books(gateway)
    for kind, payload in _payloads(device, channel).items():
        for key in (other.key, SigningKey(bytes(32))):
            message = envelope.sign1(kind, payload, lambda data, by=key: by.sign(data).signature)
            _refused(gateway, device, kind, message, "bad_signature")
    assert books(gateway) == before


@pytest.mark.threat("D6")
def test_a_key_of_mixed_order_has_no_shared_secret(gateway: Gateway) -> None:
    """Registration refuses it; the gateway could not even talk to it."""
    for key in mixed(gateway.device().public):
        with pytest.raises(ValueError, match="public key"):
            gateway.keys.mac_key(key)
