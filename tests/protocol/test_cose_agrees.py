"""Our envelopes and key derivation against other people's: python-cwt and `cryptography`."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cwt import COSE, COSEKey
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.keys import verify
from protocol import envelope, mac, topics
from protocol.errors import AuthenticationError, WireError
from protocol.messages import Iou
from tests.protocol.parties import DEVICE, DEVICE_KEY, GATEWAY, MAC_KEY, OTHER, iou_message, terms

CHANNEL = terms().channel_id()
OKP, ED25519, EDDSA = 1, 6, -8
PUBLIC: dict[int, Any] = {1: OKP, -1: ED25519, 3: EDDSA, -2: DEVICE.public}
SIGNER = COSEKey.new({**PUBLIC, -4: bytes(DEVICE_KEY)})
VERIFIER = COSEKey.new(PUBLIC)
SHARED = COSEKey.from_symmetric_key(key=MAC_KEY, alg="HS256")


def aad(kind: str) -> bytes:
    return b"tallystick/v1/" + kind.encode()


@pytest.mark.parametrize("kind", topics.UP_KINDS + topics.DOWN_KINDS)
def test_cwt_verifies_our_signature_of_each_kind(kind: str) -> None:
    message = envelope.sign1(kind, b"payload", DEVICE.sign)
    assert COSE.new().decode(message, VERIFIER, external_aad=aad(kind)) == b"payload"


@pytest.mark.parametrize("kind", topics.UP_KINDS + topics.DOWN_KINDS)
def test_cwt_verifies_our_mac_of_each_kind(kind: str) -> None:
    message = envelope.mac0(kind, b"payload", MAC_KEY)
    assert COSE.new().decode(message, SHARED, external_aad=aad(kind)) == b"payload"


def test_cwt_refuses_our_signature_under_another_kind() -> None:
    message = envelope.sign1("credit", b"payload", DEVICE.sign)
    with pytest.raises(Exception, match="verify"):
        COSE.new().decode(message, VERIFIER, external_aad=aad("iou"))


def test_we_take_what_cwt_signs() -> None:
    payload = Iou(CHANNEL, 300, 1).payload()
    message = COSE.new().encode_and_sign(
        payload, SIGNER, protected={"alg": "EdDSA"}, external_aad=aad("iou")
    )
    assert isinstance(message, bytes)
    assert message == iou_message(Iou(CHANNEL, 300, 1))
    assert envelope.open_sign1("iou", message, DEVICE.public, verify) == payload


def test_we_take_what_cwt_macs() -> None:
    message = COSE.new().encode_and_mac(
        b"payload", SHARED, protected={"alg": "HS256"}, external_aad=aad("ack")
    )
    assert isinstance(message, bytes)
    assert message == envelope.mac0("ack", b"payload", MAC_KEY)
    assert envelope.open_mac0("ack", message, MAC_KEY) == b"payload"


@pytest.mark.parametrize(
    ("amount", "units", "size"),
    [(0, 0, 115), (300, 1, 117), (450_000, 1_500, 121), (30_000_000, 100_000, 123),
     (2**63 - 1, 2**63 - 1, 131)],
)  # fmt: skip
def test_a_whole_signed_iou_has_the_size_that_is_promised(
    amount: int, units: int, size: int
) -> None:
    # 113 bytes and the two integers, of 1, 2, 3, 5 or 9 bytes each.
    assert len(iou_message(Iou(CHANNEL, amount, units))) == size


@pytest.mark.threat("D7")
def test_d7_no_flipped_bit_of_a_signed_iou_verifies() -> None:
    message = iou_message(Iou(CHANNEL, 300, 1))
    for position in range(8 * len(message)):
        wrong = bytearray(message)
        wrong[position // 8] ^= 1 << position % 8
        with pytest.raises((WireError, AuthenticationError)):
            envelope.open_sign1("iou", bytes(wrong), DEVICE.public, verify)


@pytest.mark.threat("D7")
def test_d7_another_length_or_a_higher_s_does_not_verify() -> None:
    message = iou_message(Iou(CHANNEL, 300, 1))
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(message[-32:], "little")
    for wrong_scalar in (scalar + order, scalar | 1 << 255, scalar | 1 << 253):
        wrong = message[:-32] + wrong_scalar.to_bytes(32, "little")
        with pytest.raises(AuthenticationError):
            envelope.open_sign1("iou", wrong, DEVICE.public, verify)
    for wrong in (message[:-1], message + b"\x00", message[:-65] + message[-64:], message[1:]):
        with pytest.raises(WireError):
            envelope.open_sign1("iou", wrong, DEVICE.public, verify)


@pytest.mark.threat("D8")
def test_d8_a_signature_of_one_kind_is_none_of_another() -> None:
    kinds = topics.UP_KINDS + topics.DOWN_KINDS
    for kind in kinds:
        signed = envelope.sign1(kind, b"payload", DEVICE.sign)
        maced = envelope.mac0(kind, b"payload", MAC_KEY)
        for other in kinds:
            if other == kind:
                continue
            with pytest.raises(AuthenticationError):
                envelope.open_sign1(other, signed, DEVICE.public, verify)
            with pytest.raises(AuthenticationError):
                envelope.open_mac0(other, maced, MAC_KEY)


@pytest.mark.threat("D8")
def test_d8_every_part_of_the_terms_makes_another_channel() -> None:
    ids = {
        terms().channel_id(),
        terms(nonce=1).channel_id(),
        terms(capacity=1).channel_id(),
        terms(payer=OTHER).channel_id(),
        terms(gateway=OTHER).channel_id(),
    }
    assert len(ids) == 5


def test_a_mac_key_fits_one_pair_of_keys_only() -> None:
    message = envelope.mac0("ack", b"payload", MAC_KEY)
    for key in (OTHER.mac_key(DEVICE.public), GATEWAY.mac_key(OTHER.public)):
        with pytest.raises(AuthenticationError):
            envelope.open_mac0("ack", message, key)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_hmac_is_the_standard_librarys(key: bytes, message: bytes) -> None:
    assert mac.hmac_sha256(key, message) == hmac.new(key, message, "sha256").digest()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.binary(max_size=80), st.integers(1, 255 * 32))
def test_hkdf_is_that_of_cryptography(material: bytes, info: bytes, length: int) -> None:
    expected = HKDF(SHA256(), length, None, info).derive(material)
    assert mac.hkdf_sha256(material, info, length) == expected


def test_the_mac_key_is_what_cryptography_derives() -> None:
    secret = hashlib.sha512(b"\x01" * 32).digest()[:32]
    gateway = GATEWAY.public
    p = 2**255 - 19
    y = int.from_bytes(gateway, "little") & (1 << 255) - 1
    u = (1 + y) * pow(1 - y, -1, p) % p
    shared = X25519PrivateKey.from_private_bytes(secret).exchange(
        X25519PublicKey.from_public_bytes(u.to_bytes(32, "little"))
    )
    info = b"tallystick/v1/mac" + DEVICE.public + gateway
    assert HKDF(SHA256(), 32, None, info).derive(shared) == MAC_KEY


@pytest.mark.parametrize(
    "sign", [DEVICE.sign, Ed25519PrivateKey.from_private_bytes(b"\x01" * 32).sign]
)
def test_signatures_of_two_libraries_are_the_same_message(sign: Callable[[bytes], bytes]) -> None:
    iou = Iou(CHANNEL, 300, 1)
    assert envelope.sign1("iou", iou.payload(), sign) == iou_message(iou)
