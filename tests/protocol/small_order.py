"""The edges of Ed25519, computed: points of small order, encodings that are not canonical, and
points that have a part of small order beside one of prime order."""

from hashlib import sha512

from firmware.crypto import curve
from firmware.crypto.curve import L, P

_SIGN = 1 << 255


def _small_ys() -> list[int]:
    """The y of all points whose order divides 8: y = 1, -1, 0, and both roots of order 8."""
    # Twice a point of order 8 has order 4, thus y = 0; doubling gives y = 0 where y^2 = -x^2, and
    # with the curve's own equation d*y^4 + 2*y^2 - 1 = 0.
    d = -121665 * pow(121666, -1, P) % P
    for root in _roots(d + 1):
        square = (-1 + root) * pow(d, -1, P) % P
        for y in _roots(square):
            return [0, 1, P - 1, y, P - y]
    raise AssertionError("edwards25519 has points of order 8")


def _roots(square: int) -> list[int]:
    """Both square roots modulo P, or none."""
    root = pow(square, (P + 3) // 8, P)
    if root * root % P != square % P:
        root = root * pow(2, (P - 1) // 4, P) % P
    return [root, P - root] if root * root % P == square % P else []


def _encodings(ys: list[int]) -> list[bytes]:
    """Each y in every way in which 255 bits and a sign can say it."""
    found = {}
    for y in ys:
        for said in (y, y + P):
            if said < _SIGN:
                for sign in (0, _SIGN):
                    found[(said | sign).to_bytes(32, "little")] = None
    return list(found)


SMALL_ORDER = tuple(_encodings(_small_ys()))
"""All encodings of points of order 1, 2, 4 and 8, canonical and not: 14."""

NON_CANONICAL = tuple(
    (y | sign).to_bytes(32, "little") for y in range(P, _SIGN) for sign in (0, _SIGN)
)
"""All encodings with a y of P or more."""


def point(encoded: bytes) -> tuple[int, int, int, int]:
    """The affine point (x, y, 1, x*y) of an encoding, of any order. Raises ValueError."""
    number = int.from_bytes(encoded, "little")
    y = number % _SIGN % P
    u, v = (y * y - 1) % P, (-121665 * pow(121666, -1, P) * y * y + 1) % P
    roots = _roots(u * pow(v, -1, P))
    for x in roots:
        if x & 1 == number >> 255 or x == 0:
            return x, y, 1, x * y % P
    raise ValueError("no point")


def encoding(of: tuple[int, ...]) -> bytes:
    """A point's canonical encoding."""
    return curve.encode(of)


def plus(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The sum of two points."""
    return curve.add(one, other)


def times(scalar: int, of: tuple[int, ...]) -> tuple[int, int, int, int]:
    """A multiple of a point: not by way of anything that knows the group's order."""
    total: tuple[int, ...] = (0, 1, 1, 0)
    for bit in bin(scalar)[2:]:
        total = plus(total, total)
        if bit == "1":
            total = plus(total, of)
    return total  # type: ignore[return-value]


TORSION = tuple(point(each) for each in SMALL_ORDER if point(each) != (0, 1, 1, 0))
"""The points of small order but the neutral one, some of them several times."""


def mixed(public_key: bytes) -> list[bytes]:
    """A key of prime order with each point of small order added to it: seven."""
    start = point(public_key)
    return sorted({encoding(plus(start, each)) for each in TORSION})


def challenge(r: bytes, key: bytes, message: bytes) -> int:
    """The hash that a signature's equation has, modulo L (RFC 8032, 5.1.7)."""
    return int.from_bytes(sha512(r + key + message).digest(), "little") % L
