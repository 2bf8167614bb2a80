"""Reading the wire, from the specification alone: RFC 8949 by `cbor2`, RFC 9052 by hand, Ed25519 by
`cryptography`."""

import hashlib
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

    @property
    def channel(self) -> bytes:
        """The channel's id."""
        return hashlib.sha256(self.payload).digest()

    def price(self, units: int) -> int:
        """What so many units cost, in whole atomic units, rounded down once."""
        return int(Fraction(self.numerator, self.denominator) * units // 1)


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


def terms(message: bytes, key: bytes) -> Terms:
    """The terms in an `open` that `key` signed. Raises Unreadable."""
    payload = signed("open", message, key)
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
    )
