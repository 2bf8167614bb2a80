"""X25519 is RFC 7748's, and device and gateway come to the same secret by their identity keys."""

import hashlib

import nacl.bindings
import nacl.signing
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.crypto.ed25519 import public_key
from firmware.crypto.x25519 import shared_secret, x25519

octets_32 = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize(
    ("scalar", "u", "result"),
    [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ],
)
def test_rfc_7748(scalar: str, u: str, result: str) -> None:
    assert x25519(bytes.fromhex(scalar), bytes.fromhex(u)).hex() == result


def test_rfc_7748_iterated() -> None:
    k = u = (9).to_bytes(32, "little")
    for count in range(1000):
        k, u = x25519(k, u), k
        if count == 0:
            assert k.hex() == "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"
    assert k.hex() == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"


@settings(deadline=None)
@given(octets_32, octets_32)
def test_agrees_with_libsodium(scalar: bytes, u: bytes) -> None:
    try:
        expected = nacl.bindings.crypto_scalarmult(scalar, u)
    except RuntimeError:  # libsodium refuses the all-zero result
        expected = bytes(32)
    assert x25519(scalar, u) == expected


@settings(deadline=None)
@given(octets_32, octets_32)
def test_device_and_gateway_share_a_secret(device_seed: bytes, gateway_seed: bytes) -> None:
    gateway = nacl.signing.SigningKey(gateway_seed)
    device_key = public_key(device_seed)
    theirs = nacl.bindings.crypto_scalarmult(
        bytes(gateway.to_curve25519_private_key()),
        nacl.bindings.crypto_sign_ed25519_pk_to_curve25519(device_key),
    )
    assert shared_secret(device_seed, bytes(gateway.verify_key)) == theirs
    assert shared_secret(gateway_seed, device_key) == theirs
    assert (
        bytes(gateway.to_curve25519_private_key())[1:31]
        == (hashlib.sha512(gateway_seed).digest()[1:31])
    )


@pytest.mark.parametrize("u", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18])
def test_points_of_small_order_give_zero(u: int) -> None:
    assert x25519(bytes(range(32)), u.to_bytes(32, "little")) == bytes(32)


@pytest.mark.threat("D6")
@pytest.mark.parametrize(
    "key", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 2, 2**255 - 1], ids=hex
)
def test_keys_that_are_no_points_are_refused(key: int) -> None:
    """Small order, not canonical, and (2) not on the curve."""
    with pytest.raises(ValueError, match="peer_public_key: must be a canonical Ed25519 key"):
        shared_secret(bytes(32), key.to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_wrong_lengths_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="must be 32 bytes each"):
        x25519(bytes(length), bytes(32))
    with pytest.raises(ValueError, match="must be 32 bytes each"):
        x25519(bytes(32), bytes(length))
    with pytest.raises(ValueError, match="seed: must be 32 bytes"):
        shared_secret(bytes(length), public_key(bytes(32)))
    with pytest.raises(ValueError, match="peer_public_key"):
        shared_secret(bytes(32), bytes(length))
