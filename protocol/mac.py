"""HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869), and the key that a device and its gateway
share. Here because MicroPython has SHA-256 and neither of these."""

import hashlib

_BLOCK = 64
_IPAD = int.from_bytes(b"\x36" * _BLOCK, "big")
_OPAD = int.from_bytes(b"\x5c" * _BLOCK, "big")


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """The 32-byte HMAC of `message` under `key` (any length)."""
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    number = int.from_bytes(key + bytes(_BLOCK - len(key)), "big")
    inner = hashlib.sha256((number ^ _IPAD).to_bytes(_BLOCK, "big") + message).digest()
    return hashlib.sha256((number ^ _OPAD).to_bytes(_BLOCK, "big") + inner).digest()


def hkdf_sha256(key_material: bytes, info: bytes, length: int = 32) -> bytes:
    """`length` (1..255*32) bytes derived from `key_material`, with no salt, for `info` alone."""
    pseudorandom = hmac_sha256(bytes(32), key_material)
    block = b""
    out = b""
    counter = 1
    while len(out) < length:
        block = hmac_sha256(pseudorandom, block + info + bytes((counter,)))
        out += block
        counter += 1
    return out[:length]


def channel_mac_key(shared_secret: bytes, device_key: bytes, gateway_key: bytes) -> bytes:
    """The 32-byte key of all COSE_Mac0 between one device and one gateway.

    `shared_secret` is X25519 (RFC 7748) of the two identity keys in Montgomery form; both Ed25519
    public keys are bound in, so the key fits no other pair.
    """
    return hkdf_sha256(shared_secret, b"tallystick/v1/mac" + device_key + gateway_key)


def equal(left: bytes, right: bytes) -> bool:
    """Whether two MACs are equal, in time that does not depend on where they differ."""
    if len(left) != len(right):
        return False
    difference = 0
    for index in range(len(left)):
        difference |= left[index] ^ right[index]
    return difference == 0
