"""Reading the wire, from the specification alone: RFC 8949 by `cbor2`, RFC 9052 by hand, Ed25519 by
`cryptography`."""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_SIGN1 = 18
_MAC0 = 17
_EDDSA = bytes.fromhex("a10127")
_METERED = 0


class Unreadable(Exception):
    """Bytes that are no message of the kind that they are said to be."""


@dataclass(frozen=True)
class Terms:
    """What a channel's payer signed to open it. `payload` is what its id is the hash of."""

    payload: bytes
    payer: bytes
    payee: bytes
    gateway: bytes
    numerator: int
    denominator: int
    currency: str
    metered: bool
    capacity: int
    expiry: int
    session_fee: int
    tariff: bytes
    """The tariff's id."""
    xrpl_channel: bytes = b""

    @property
    def channel(self) -> bytes:
        """The channel's id."""
        return hashlib.sha256(self.payload).digest()

    def price(self, units: int) -> int:
        """What so many units cost, in whole atomic units, rounded down once: with the first comes
        the session fee."""
        session = self.session_fee if units else 0
        return session + int(Fraction(self.numerator, self.denominator) * units // 1)


@dataclass(frozen=True)
class Leg:
    """What a channel's payer signed to go on by another price beyond (amount, units)."""

    channel: bytes
    number: int
    unit: str
    numerator: int
    denominator: int
    amount: int
    units: int
    handle: bytes
    tariff: bytes
    """The tariff's id."""


def price(terms: Terms, legs: Sequence[Leg], units: int) -> int:
    """What so many units cost on a channel that had these legs, each rounded down once. The session
    fee is that of the terms, and in the first leg that pays for anything."""
    within = [leg for leg in legs if leg.units < units]
    if not within:
        return terms.price(units)
    last = within[-1]
    session = terms.session_fee if last.units == 0 else 0
    beyond = Fraction(last.numerator, last.denominator) * (units - last.units)
    return last.amount + session + int(beyond // 1)


def _parts(tag: int, count: int, message: bytes) -> list[Any]:
    try:
        value = cbor2.loads(message)
    except cbor2.CBORError as error:
        raise Unreadable(f"no CBOR: {error}") from None
    if cbor2.dumps(value, canonical=True) != message:
        raise Unreadable("not the deterministic encoding")
    if not isinstance(value, cbor2.CBORTag) or value.tag != tag:
        raise Unreadable(f"no COSE message with tag {tag}")
    if not isinstance(value.value, list) or len(value.value) != count:
        raise Unreadable("not the parts of a COSE message")
    return list(value.value)


@lru_cache(maxsize=20_000)
def signed(kind: str, message: bytes, key: bytes) -> bytes:
    """The payload of a COSE_Sign1 of this kind by this key. Raises Unreadable."""
    protected, unprotected, payload, signature = _parts(_SIGN1, 4, message)
    if protected != _EDDSA or unprotected != {}:
        raise Unreadable("not EdDSA alone in its headers")
    context = ["Signature1", protected, f"tallystick/v1/{kind}".encode(), payload]
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, cbor2.dumps(context))
    except (InvalidSignature, ValueError):
        raise Unreadable(f"not a signature of {key.hex()[:16]} over this {kind}") from None
    return bytes(payload)


def told(message: bytes) -> bytes:
    """The payload of a COSE_Mac0, whoever made it: only the device can tell. Raises Unreadable."""
    return bytes(_parts(_MAC0, 4, message)[2])


def fields(payload: bytes) -> dict[int, Any]:
    """The map in a payload. Raises Unreadable."""
    value = cbor2.loads(payload)
    if not isinstance(value, dict) or cbor2.dumps(value, canonical=True) != payload:
        raise Unreadable("the payload is no deterministic map")
    return value


def is_tick(preimage: bytes, index: int, iou: dict[int, Any]) -> bool:
    """Whether this is value number `index` of the chain that an IOU commits to."""
    if 5 not in iou or not 0 < index <= iou[5]:
        return False
    for _ in range(index):
        preimage = hashlib.sha256(preimage).digest()
    return bool(preimage == iou[4])


def is_claim(signature: bytes, xrpl_channel: bytes, drops: int, key: bytes) -> bool:
    """Whether this is what the XRP Ledger pays out so many drops of a payment channel for."""
    said = struct.pack(">4s32sQ", b"CLM", xrpl_channel, drops)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, said)
    except (InvalidSignature, ValueError):
        return False
    return True


def leg(message: bytes, key: bytes) -> Leg:
    """The leg that `key` signed, and the IOU in it. Raises Unreadable."""
    found = fields(signed("leg", message, key))
    amount = units = 0
    if found[4]:
        iou = fields(signed("iou", found[4], key))
        if iou[1] != found[1]:
            raise Unreadable("a leg that begins on another channel")
        amount, units = iou[2], iou[3]
    tariff = found[3]
    name = hashlib.sha256(message).digest()[:8]
    return Leg(
        found[1], found[2], tariff[1], tariff[2], tariff[3], amount, units, name, _id(tariff)
    )


def terms(message: bytes, key: bytes, kind: str = "open") -> Terms:
    """The terms in an `open`, or another kind of message, that `key` signed. Raises Unreadable."""
    payload = signed(kind, message, key)
    found = fields(payload)
    tariff = found[4]
    return Terms(
        payload,
        found[1],
        found[2],
        found[3],
        tariff[2],
        tariff[3],
        tariff[4],
        tariff[6] == _METERED,
        found[5],
        found[6],
        tariff.get(7, 0),
        _id(tariff),
        found.get(8, b""),
    )


def _id(tariff: dict[int, Any]) -> bytes:
    return hashlib.sha256(cbor2.dumps(tariff, canonical=True)).digest()
