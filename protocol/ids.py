"""Names that are computed, so that nobody has to hand them out or can choose them."""

import hashlib

from protocol.errors import WireError

KEY_SIZE = 32
ID_SIZE = 32


def device_id(public_key: bytes) -> str:
    """The id of the device with this 32-byte Ed25519 public key: 32 lower-case hex digits, the
    first 16 bytes of its SHA-256."""
    if len(public_key) != KEY_SIZE:
        raise WireError("public key", "must be 32 bytes")
    return hashlib.sha256(public_key).digest()[:16].hex()


def channel_id(terms: bytes) -> bytes:
    """The 32-byte id of the channel with these encoded terms (the payload of its `open`)."""
    return hashlib.sha256(terms).digest()


def listing_id(sell: bytes) -> bytes:
    """The 32-byte id of the listing that this payload of a `sell` makes."""
    return hashlib.sha256(sell).digest()


def tariff_id(tariff: bytes) -> bytes:
    """The 32-byte id of the tariff with this encoding."""
    return hashlib.sha256(tariff).digest()
