"""The device's Ed25519 signs as RFC 8032 says and decides about signatures as libsodium does."""

import nacl.bindings
import nacl.exceptions
import nacl.signing
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.crypto import curve, ed25519, known_answers
from firmware.crypto.base_table import BASE_COMB
from firmware.crypto.curve import L, P
from firmware.crypto.ed25519 import SignatureFault, SigningKey, public_key, verify
from firmware.crypto.sha512 import sha512

# Seed, public key, message, signature: what a board proves itself by, and test SHA(abc).
RFC_8032 = [
    *known_answers.RFC_8032,
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


@settings(deadline=None, max_examples=30)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.booleans())
def test_neither_blinding_nor_checking_changes_a_signature(
    seed: bytes, random: bytes, checked: bool
) -> None:
    signer = SigningKey(seed, lambda size: random[:size], checked)
    assert signer.public_key == public_key(seed)
    assert signer.sign(MESSAGE) == nacl.signing.SigningKey(seed).sign(MESSAGE).signature


@pytest.mark.parametrize("random", [bytes(32), P.to_bytes(32, "little"), b"\xff" * 32])
def test_random_bytes_that_could_blind_nothing_are_no_harm(random: bytes) -> None:
    assert SigningKey(SEED, lambda size: random).sign(MESSAGE) == SIGNATURE


def test_each_signature_is_blinded_anew() -> None:
    asked: list[int] = []

    def random_bytes(size: int) -> bytes:
        asked.append(size)
        return len(asked).to_bytes(size, "big")

    signer = SigningKey(SEED, random_bytes)
    signer.sign(MESSAGE)
    signer.sign(MESSAGE)
    assert asked == [32, 32, 32]


def fail_once(monkeypatch: pytest.MonkeyPatch, name: str, wrong: object) -> None:
    """Let the next call of a function of the scheme's be computed wrongly, and those after it as
    they should."""
    right = getattr(ed25519, name)

    def faulty(*arguments: object) -> object:
        monkeypatch.setattr(ed25519, name, right)
        return wrong

    monkeypatch.setattr(ed25519, name, faulty)


@pytest.mark.parametrize(
    ("name", "wrong"), [("multiply_comb", curve.BASE), ("_challenge", 5)], ids=["R", "challenge"]
)
def test_a_signature_that_was_computed_wrongly_is_given_away_by_no_checking_key(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: object
) -> None:
    """Two signatures of one message with one R and two challenges tell the key."""
    careless, checking = SigningKey(SEED), SigningKey(SEED, checked=True)
    fail_once(monkeypatch, name, wrong)
    assert not verify(careless.public_key, MESSAGE, careless.sign(MESSAGE))
    fail_once(monkeypatch, name, wrong)
    with pytest.raises(SignatureFault, match="nothing was signed"):
        checking.sign(MESSAGE)
    assert checking.sign(MESSAGE) == SIGNATURE


def test_a_checking_key_that_changed_in_memory_signs_nothing_more() -> None:
    checking = SigningKey(SEED, checked=True)
    checking._scalar ^= 1 << 100
    with pytest.raises(SignatureFault):
        checking.sign(MESSAGE)


def test_the_table_is_made_of_the_base_point() -> None:
    assert curve.comb_of(curve.BASE) == BASE_COMB


@pytest.mark.parametrize("scalar", [0, 1, 2, 8, L - 1, L, L + 1, 2**255 - 1, 2**256])
def test_every_scalar_takes_the_same_steps_to_the_same_point_as_libsodium(scalar: int) -> None:
    read: list[object] = []

    class Table(tuple[int, ...]):
        def __getitem__(self, at: object) -> int:  # type: ignore[override]
            read.append(at)
            return super().__getitem__(at)  # type: ignore[index, no-any-return]

    found = curve.encode(curve.multiply_comb(Table(BASE_COMB), scalar))
    assert len(read) == 3 * 64
    assert found == (public_point(scalar % L) if scalar % L else (1).to_bytes(32, "little"))


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
    assert curve.decode_point(other) is None
    assert not verify(KEY.public_key, MESSAGE, other + SIGNATURE[32:])


def public_point(scalar: int) -> bytes:
    """scalar * B, by libsodium."""
    return nacl.bindings.crypto_scalarmult_ed25519_base_noclamp(scalar.to_bytes(32, "little"))
