"""The device's Ed25519 signs as RFC 8032 says and decides about signatures as libsodium does."""

import nacl.bindings
import nacl.exceptions
import nacl.signing
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.crypto import ed25519
from firmware.crypto.ed25519 import L, P, SigningKey, public_key, verify
from firmware.crypto.sha512 import sha512

# RFC 8032, 7.1: seed, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]

# Every encoding of a point of small order, canonical and not.
ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SIGN = 1 << 255
SMALL_ORDER = [
    0,
    SIGN,
    1,
    SIGN | 1,
    ORDER_8,
    SIGN | ORDER_8,
    P - ORDER_8,
    SIGN | P - ORDER_8,
    P - 1,
    SIGN | P - 1,
    P,
    SIGN | P,
    P + 1,
    SIGN | P + 1,
]
NON_CANONICAL = [P + y for y in range(2, 19)] + [SIGN | P + y for y in range(2, 19)]

SEED = bytes(range(32))
KEY = SigningKey(SEED)
MESSAGE = b"one more unit"
SIGNATURE = KEY.sign(MESSAGE)


def libsodium_verifies(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        nacl.signing.VerifyKey(key).verify(message, signature)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


@pytest.mark.parametrize(("seed", "key", "message", "signature"), RFC_8032)
def test_rfc_8032(seed: str, key: str, message: str, signature: str) -> None:
    signer = SigningKey(bytes.fromhex(seed))
    assert signer.public_key.hex() == public_key(bytes.fromhex(seed)).hex() == key
    assert signer.sign(bytes.fromhex(message)).hex() == signature
    assert verify(bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature))


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_signs_as_libsodium_does(seed: bytes, message: bytes) -> None:
    theirs = nacl.signing.SigningKey(seed)
    signer = SigningKey(seed)
    assert signer.public_key == bytes(theirs.verify_key)
    signature = signer.sign(message)
    assert signature == theirs.sign(message).signature
    assert verify(signer.public_key, message, signature)
    assert not verify(signer.public_key, message + b"\0", signature)


@settings(deadline=None)
@given(
    st.binary(min_size=32, max_size=32),
    st.binary(max_size=40),
    st.binary(min_size=64, max_size=64),
)
def test_verifies_random_bytes_as_libsodium_does(
    key: bytes, message: bytes, signature: bytes
) -> None:
    assert verify(key, message, signature) == libsodium_verifies(key, message, signature)


@pytest.mark.threat("D7")
def test_each_flipped_bit_is_refused() -> None:
    assert verify(KEY.public_key, MESSAGE, SIGNATURE)
    for position in range(512):
        wrong = bytearray(SIGNATURE)
        wrong[position >> 3] ^= 1 << (position & 7)
        assert not verify(KEY.public_key, MESSAGE, bytes(wrong)), position


@pytest.mark.threat("D7")
def test_s_plus_multiples_of_l_is_refused() -> None:
    s = int.from_bytes(SIGNATURE[32:], "little")
    for multiple in range(1, 15):
        other = (s + multiple * L).to_bytes(32, "little")
        assert not verify(KEY.public_key, MESSAGE, SIGNATURE[:32] + other), multiple


@pytest.mark.threat("D7")
@pytest.mark.parametrize("length", [0, 32, 63, 65, 128])
def test_wrong_signature_length_is_refused(length: int) -> None:
    assert not verify(KEY.public_key, MESSAGE, (SIGNATURE + SIGNATURE)[:length])


@pytest.mark.threat("D6")
@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_wrong_key_length_is_refused(length: int) -> None:
    assert not verify((KEY.public_key + KEY.public_key)[:length], MESSAGE, SIGNATURE)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_wrong_seed_length_is_an_error(length: int) -> None:
    with pytest.raises(ValueError, match="seed: must be 32 bytes"):
        SigningKey(bytes(length))


@pytest.mark.threat("D6")
@pytest.mark.parametrize("encoded", SMALL_ORDER)
def test_small_order_keys_are_refused(encoded: int) -> None:
    """With such a key, R = S*B is a valid signature of one message in eight at least, were it not
    refused."""
    key = encoded.to_bytes(32, "little")
    for s in range(1, 17):
        # R = S*B: the equation holds whenever the challenge clears the key.
        r = public_point(s)
        signature = r + s.to_bytes(32, "little")
        assert not verify(key, MESSAGE, signature)
        assert not libsodium_verifies(key, MESSAGE, signature)


@pytest.mark.threat("D7")
@pytest.mark.parametrize("encoded", SMALL_ORDER)
def test_small_order_commitments_are_refused(encoded: int) -> None:
    """The holder of a key can make such a signature: R of small order, S = h * scalar."""
    scalar, _ = ed25519.secret_scalar(SEED)
    r = encoded.to_bytes(32, "little")
    for message in (b"%d" % number for number in range(16)):
        h = int.from_bytes(sha512(r + KEY.public_key + message), "little") % L
        signature = r + (h * scalar % L).to_bytes(32, "little")
        assert not verify(KEY.public_key, message, signature)
        assert not libsodium_verifies(KEY.public_key, message, signature)


@pytest.mark.threat("D6", "D7")
@pytest.mark.parametrize("encoded", NON_CANONICAL)
def test_non_canonical_encodings_are_refused(encoded: int) -> None:
    other = encoded.to_bytes(32, "little")
    assert not verify(other, MESSAGE, SIGNATURE)
    assert ed25519.decode_point(other) is None
    assert not verify(KEY.public_key, MESSAGE, other + SIGNATURE[32:])


def public_point(scalar: int) -> bytes:
    """scalar * B, by libsodium."""
    return nacl.bindings.crypto_scalarmult_ed25519_base_noclamp(scalar.to_bytes(32, "little"))
