"""Targets that ask two programs the same question: ours, and one that somebody else wrote."""

import math

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cwt import COSE, COSEKey
from nacl.signing import SigningKey

from firmware.crypto import curve, ed25519
from gateway.keys import check_public_key, verify
from protocol import MAX_INT, cbor, envelope
from protocol.errors import ProtocolError, WireError
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target, need, vector_bytes
from tests.protocol.small_order import SMALL_ORDER, times

KEY = SigningKey(bytes([1]) * 32)
PUBLIC = bytes(KEY.verify_key)
MAC_KEY = bytes(range(32))
_VERIFIER = COSEKey.new({1: 1, -1: 6, 3: -8, -2: PUBLIC})
_SHARED = COSEKey.from_symmetric_key(key=MAC_KEY, alg="HS256")


def _on_our_wire(value: object, depth: int = 1) -> bool:
    """Whether a value is one that the protocol has a place for, by another rule."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return 0 <= value <= MAX_INT
    if isinstance(value, bytes | str):
        return True
    if depth > 4:
        return False
    if isinstance(value, list):
        return all(_on_our_wire(item, depth + 1) for item in value)
    if isinstance(value, dict):
        keys_fit = all(type(key) is int and 0 <= key <= MAX_INT for key in value)
        return keys_fit and all(_on_our_wire(item, depth + 1) for item in value.values())
    return False


def _theirs(data: bytes) -> object:
    """What cbor2 reads, NaN where it reads nothing or does not write the same bytes again."""
    try:
        value = cbor2.loads(data)
        return value if cbor2.dumps(value, canonical=True) == data else math.nan
    except Exception:
        # Whatever it raises (it has many ways), it has read nothing.
        return math.nan


def cbor_and_cbor2(data: bytes) -> None:
    """protocol.cbor takes exactly what cbor2 reads, writes again to the same bytes in canonical
    form, and is of the wire's subset."""
    theirs = _theirs(data)
    try:
        ours = cbor.decode(data)
    except WireError:
        need(not _on_our_wire(theirs), "refused what cbor2 reads as a value of the wire")
        return
    need(_on_our_wire(theirs), "took what cbor2 does not")
    need(ours == theirs, "another value")


def cose_and_cwt(data: bytes) -> None:
    """What we take as a signed or a sealed message, python-cwt takes with the same payload; and
    what python-cwt takes we take, unless its bytes are not the one form that the wire allows."""
    choices = Choices(data)
    kind = choices.one_of(("iou", "open", "ack"))
    payload, message = choices.take(choices.byte()), choices.rest()
    aad = b"tallystick/v1/" + kind.encode()
    made = envelope.sign1(kind, payload, lambda each: KEY.sign(each).signature)
    sealed = envelope.mac0(kind, payload, MAC_KEY)
    if message:
        made, sealed = _spliced(made, message), _spliced(sealed, message)
    ways = (
        (made, _VERIFIER, lambda: envelope.open_sign1(kind, made, PUBLIC, verify)),
        (sealed, _SHARED, lambda: envelope.open_mac0(kind, sealed, MAC_KEY)),
    )
    for whole, key, open_ours in ways:
        try:
            ours: bytes | None = open_ours()
        except ProtocolError:
            ours = None
        try:
            theirs = COSE.new().decode(whole, key, external_aad=aad)
        except Exception:
            theirs = None
        if ours is not None:
            need(theirs == ours, "taken here, and otherwise there")
        elif theirs is not None:
            again = envelope.sign1(kind, theirs, lambda each: KEY.sign(each).signature)
            need(whole not in (again, envelope.mac0(kind, theirs, MAC_KEY)), "refused here only")


def _spliced(message: bytes, patch: bytes) -> bytes:
    """`message` with a few bytes replaced: the patch says where, how many, and by what."""
    at, gone = patch[0] % (len(message) + 1), patch[1:2]
    return message[:at] + patch[2:] + message[at + (gone[0] % 4 if gone else 0) :]


def ed25519_three_ways(data: bytes) -> None:
    """The device and the gateway agree about every signature; what they take, OpenSSL takes. What
    OpenSSL alone takes has a key or an R of small order."""
    choices = Choices(data)
    seed = choices.take(4).ljust(32, b"\x05")
    body = choices.take(choices.below(24))
    signer = SigningKey(seed)
    key, signature = bytes(signer.verify_key), signer.sign(body).signature
    need(ed25519.SigningKey(seed).sign(body) == signature, "signs otherwise")
    what = choices.below(8)
    if what == 1:
        key = choices.one_of(SMALL_ORDER)
    elif what == 2:
        signature = choices.one_of(SMALL_ORDER) + signature[32:]
    elif what == 3:
        s = int.from_bytes(signature[32:], "little") + choices.byte() * curve.L
        signature = signature[:32] + (s % 2**256).to_bytes(32, "little")
    elif what == 4:
        key = (int.from_bytes(key, "little") ^ (1 << choices.byte())).to_bytes(32, "little")
    elif what == 5:
        at = choices.byte() % 64
        signature = signature[:at] + choices.take(1 + choices.below(4)) + signature[at + 1 :]
    elif what == 6:
        key, signature = choices.take(32).ljust(32, b"\0"), choices.take(64).ljust(64, b"\0")
    elif what == 7:
        body += choices.take(4)
    ours, theirs = ed25519.verify(key, body, signature), verify(key, body, signature)
    need(ours == theirs, "the device and the gateway disagree")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, body)
        openssl = True
    except (InvalidSignature, ValueError):
        openssl = False
    need(openssl or not theirs, "taken here, refused by OpenSSL")
    if openssl and not theirs:
        need(_small(key) or _small(signature[:32]), "refused here, taken by OpenSSL")


def _small(encoded: bytes) -> bool:
    return encoded in SMALL_ORDER


def public_keys(data: bytes) -> None:
    """A key that may be registered decodes on the device too and is of prime order: nobody can make
    a signature that fits it without its secret."""
    key = data[:32].ljust(32, b"\0")
    try:
        check_public_key(key)
    except ValueError:
        return
    point = curve.decode_point(key)
    need(point is not None and key not in SMALL_ORDER, "a key that the device refuses")
    if point is not None:
        x, y, z, _ = times(curve.L, point)
        need(x % curve.P == 0 and (y - z) % curve.P == 0, "not of prime order")


TARGETS = (
    Target(
        "cbor_and_cbor2",
        cbor_and_cbor2,
        lambda: vector_bytes("encoding", "messages", "ids", "payer"),
        30_000,
        10_000_000,
    ),
    Target(
        "cose_and_cwt",
        cose_and_cwt,
        lambda: [b"", b"\x00\x04abcd", b"\x01\x05hello\x03\x01\x44", b"\x02\x02xx\x09\x01\xff"],
        1_500,
        600_000,
        max_len=400,
    ),
    Target(
        "ed25519_three_ways",
        ed25519_three_ways,
        lambda: [bytes([1, 2, 3, 4, 3, 97, 98, 99, what, 5]) for what in range(8)],
        300,
        40_000,
        max_len=200,
    ),
    Target(
        "public_keys",
        public_keys,
        lambda: [*SMALL_ORDER, PUBLIC, bytes(32), b"\xff" * 32],
        1_500,
        2_000_000,
        max_len=32,
    ),
)
