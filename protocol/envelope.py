"""COSE_Sign1 and COSE_Mac0 (RFC 9052), the only two envelopes of the wire.

The headers are constants: Ed25519 as `alg` EdDSA (-8), HMAC 256/256 (5), nothing unprotected.
The kind of the message is bound in as external_aad, so a signature over one kind is never valid as
another. Signing and verifying come in as arguments.
"""

from protocol import MAX_MESSAGE, cbor
from protocol.errors import AuthenticationError, WireError
from protocol.mac import equal, hmac_sha256
from protocol.topics import DOWN_KINDS, UP_KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SIGNATURE_SIZE = 64
MAC_SIZE = 32

_SIGN1_START = b"\xd2\x84\x43\xa1\x01\x27\xa0"  # tag 18, array of 4, {1: -8}, {}
_MAC0_START = b"\xd1\x84\x43\xa1\x01\x05\xa0"  # tag 17, array of 4, {1: 5}, {}
_SIGNATURE_HEAD = b"\x58\x40"
_MAC_HEAD = b"\x58\x20"
_AAD = b"tallystick/v1/"
OFF_WIRE_KINDS = ("run",)
"""What is signed and shown as a file, and never published on a topic."""
KINDS = UP_KINDS + DOWN_KINDS + OFF_WIRE_KINDS
"""What a message can be; each has its own external_aad."""


class Signed:
    """A parsed and not yet verified COSE_Sign1: `verify(key, to_be_signed, signature)` is what is
    left to do before anything in `payload` may be believed."""

    __slots__ = ("payload", "signature", "to_be_signed")

    def __init__(self, payload: bytes, to_be_signed: bytes, signature: bytes) -> None:
        self.payload = payload
        self.to_be_signed = to_be_signed
        self.signature = signature


def _start(context: bytes, protected: bytes, kind: str) -> bytes:
    """What comes before the payload in a Sig_structure or MAC_structure (RFC 9052, 4.4, 6.3)."""
    aad = _AAD + kind.encode()
    return b"\x84" + cbor.head(3, len(context)) + context + protected + cbor.head(2, len(aad)) + aad


# Of the kinds that have been seen: a device sees but some of them.
_SIGN_STARTS: dict[str, bytes] = {}
_MAC_STARTS: dict[str, bytes] = {}


def sign_structure(kind: str, payload: bytes) -> bytes:
    """The bytes that a signature of this kind of message is over."""
    start = _SIGN_STARTS.get(kind)
    if start is None:
        start = _SIGN_STARTS[kind] = _start(b"Signature1", b"\x43\xa1\x01\x27", kind)
    return start + cbor.head(2, len(payload)) + payload


def mac_structure(kind: str, payload: bytes) -> bytes:
    """The bytes that a MAC of this kind of message is over."""
    start = _MAC_STARTS.get(kind)
    if start is None:
        start = _MAC_STARTS[kind] = _start(b"MAC0", b"\x43\xa1\x01\x05", kind)
    return start + cbor.head(2, len(payload)) + payload


def sign1(kind: str, payload: bytes, sign: "Callable[[bytes], bytes]") -> bytes:
    """`payload` as a COSE_Sign1. `sign` maps bytes to their 64-byte Ed25519 signature."""
    signature = sign(sign_structure(kind, payload))
    return _SIGN1_START + cbor.head(2, len(payload)) + payload + _SIGNATURE_HEAD + signature


def mac0(kind: str, payload: bytes, key: bytes) -> bytes:
    """`payload` as a COSE_Mac0 under the 32-byte `key`."""
    tag = hmac_sha256(key, mac_structure(kind, payload))
    return _MAC0_START + cbor.head(2, len(payload)) + payload + _MAC_HEAD + tag


def parse_sign1(kind: str, message: bytes) -> Signed:
    """The parts of a COSE_Sign1 of this kind, its signature not yet verified.

    Raises WireError unless `message` is one, to the byte.
    """
    payload, signature = _split(message, _SIGN1_START, _SIGNATURE_HEAD, SIGNATURE_SIZE)
    return Signed(payload, sign_structure(kind, payload), signature)


def open_sign1(
    kind: str, message: bytes, key: bytes, verify: "Callable[[bytes, bytes, bytes], bool]"
) -> bytes:
    """The payload of a COSE_Sign1 of this kind that `key` signed.

    `verify(key, message, signature)` tells whether an Ed25519 signature holds. Raises WireError
    for other bytes, AuthenticationError for another signature.
    """
    signed = parse_sign1(kind, message)
    if not verify(key, signed.to_be_signed, signed.signature):
        raise AuthenticationError(kind, "not signed by the expected key")
    return signed.payload


def open_mac0(kind: str, message: bytes, key: bytes) -> bytes:
    """The payload of a COSE_Mac0 of this kind under `key`.

    Raises WireError for other bytes, AuthenticationError for another MAC.
    """
    payload, tag = _split(message, _MAC0_START, _MAC_HEAD, MAC_SIZE)
    if not equal(tag, hmac_sha256(key, mac_structure(kind, payload))):
        raise AuthenticationError(kind, "the MAC does not match")
    return payload


def unverified(message: bytes) -> bytes:
    """The payload of either envelope, which nothing may be done with but finding out whose key must
    have made it. Raises WireError."""
    if message[:1] == _SIGN1_START[:1]:
        return _split(message, _SIGN1_START, _SIGNATURE_HEAD, SIGNATURE_SIZE)[0]
    return _split(message, _MAC0_START, _MAC_HEAD, MAC_SIZE)[0]


def _split(message: bytes, start: bytes, tail_head: bytes, tail_size: int) -> tuple[bytes, bytes]:
    if len(message) > MAX_MESSAGE:
        raise WireError("message", "longer than 4096 bytes")
    if message[: len(start)] != start:
        raise WireError("envelope", "not a COSE envelope with the headers of this protocol")
    major, size, at = cbor.read_head(message, len(start))
    end = at + size
    tail = end + len(tail_head)
    # The length first: MicroPython can't slice at an offset that is no machine word.
    if major != 2 or len(message) != tail + tail_size or message[end:tail] != tail_head:
        raise WireError("envelope", "payload or signature has another length")
    return bytes(message[at:end]), bytes(message[tail:])
