"""X25519 (RFC 7748), and the secret that a device and the gateway share by their identity keys.

Nothing but the key agreement may live here: what is derived from the secret is the protocol's.
"""

from firmware.crypto.curve import P, decode_point, inverse
from firmware.crypto.sha512 import sha512

_A24 = 121665


def x25519(scalar: bytes, u: bytes) -> bytes:
    """The 32-byte u-coordinate of `scalar` (32 bytes, clamped here) times the point at `u` (32
    bytes). Raises ValueError for other lengths."""
    if len(scalar) != 32 or len(u) != 32:
        raise ValueError("scalar, u: must be 32 bytes each")
    digits = bytearray(scalar)
    digits[0] &= 248
    digits[31] = digits[31] & 127 | 64
    x1 = (int.from_bytes(u, "little") & ((1 << 255) - 1)) % P
    x2, z2, x3, z3 = 1, 0, x1, 1
    swapped = 0
    for position in range(254, -1, -1):
        bit = digits[position >> 3] >> (position & 7) & 1
        if bit != swapped:
            x2, z2, x3, z3 = x3, z3, x2, z2
            swapped = bit
        a = x2 + z2
        b = x2 - z2
        da = (x3 - z3) * a
        cb = (x3 + z3) * b
        aa = a * a % P
        bb = b * b % P
        e = aa - bb
        x3 = (da + cb) % P
        x3 = x3 * x3 % P
        z3 = (da - cb) % P
        z3 = z3 * z3 % P * x1 % P
        x2 = aa * bb % P
        z2 = e * (aa + _A24 * e) % P
    if swapped:
        x2, z2 = x3, z3
    return (x2 * inverse(z2) % P).to_bytes(32, "little")


def shared_secret(seed: bytes, peer_public_key: bytes) -> bytes:
    """The 32 bytes that the holder of the Ed25519 `seed` shares with the holder of an Ed25519
    public key: X25519 of both in Montgomery form. A part of small order that the peer's key may
    have is cleared by the clamped scalar.

    Raises ValueError for a seed of another length than 32 bytes, and for a public key that is no
    point, not canonical, of small order, or gives the all-zero secret.
    """
    if len(seed) != 32:
        raise ValueError("seed: must be 32 bytes, not " + str(len(seed)))
    point = decode_point(peer_public_key)
    if point is None:
        raise ValueError("peer_public_key: must be a canonical Ed25519 key not of small order")
    y = point[1]
    u = (1 + y) * inverse(1 - y) % P
    secret = x25519(sha512(seed)[:32], u.to_bytes(32, "little"))
    if secret == bytes(32):
        raise ValueError("peer_public_key: gives the all-zero secret")
    return secret
