"""Signatures at the edges of Ed25519, each computed here and checked by its equation.

They are the cases in which verifiers of the world disagree ("Taming the many EdDSAs", Chalkias,
Garillot, Nikolaenko, 2020): A and R of small or mixed order, S of L or more, encodings that are not
canonical. With A = aB + T, R = rB + U and S = r + k*a the equation S*B = R + k*A comes down to
U + k*T = 0 (without the cofactor), or to nothing at all (with it).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from firmware.crypto.curve import L
from tests.protocol.small_order import NON_CANONICAL, TORSION, challenge, encoding, plus, point
from tests.protocol.small_order import times as multiple

_A = 0x1F3A5B
_R = 0x77E1D9
NEUTRAL = (0, 1, 1, 0)
BASE = point((46316835694926478169428394003475163141307993866256225615783033603165251855960)
             .to_bytes(32, "little"))  # fmt: skip


@dataclass(frozen=True)
class Edge:
    """One signature. `plain` is whether the equation without the cofactor holds, `cofactored`
    whether the one with it does, for the hash over the bytes as they stand."""

    name: str
    key: bytes
    message: bytes
    signature: bytes
    plain: bool
    cofactored: bool
    registrable: bool = False
    """Whether the key is one that anybody could register."""


def holds(key: bytes, message: bytes, signature: bytes, cofactor: int) -> bool:
    """Whether cofactor*(S*B - R - k*A) = 0, by bare arithmetic and without any other check."""
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    k = challenge(r, key, message)
    x, y, z, t = plus(point(r), multiple(k, point(key)))
    rest = plus(multiple(s, BASE), (-x, y, z, -t))
    x, y, z, _ = multiple(cofactor, rest)
    p = 2**255 - 19
    return x % p == 0 and (y - z) % p == 0


def _torsion(order: int) -> tuple[int, int, int, int]:
    for each in TORSION:
        x, y, z, _ = multiple(order // 2, each)
        if (x, (y - z)) != (0, 0) and _is_neutral(multiple(order, each)):
            return each
    raise AssertionError(f"there is a point of order {order}")


def _is_neutral(of: tuple[int, ...]) -> bool:
    x, y, z, _ = of
    p = 2**255 - 19
    return x % p == 0 and (y - z) % p == 0


EIGHT = _torsion(8)


def _made(
    name: str, a: int, t: int, r: int, u: int, plain: bool, registrable: bool = False
) -> Edge:
    """A signature with A = aB + t*E, R = rB + u*E (E of order 8) and S = r + k*a, of the first
    message for which the equation without the cofactor holds or fails as wanted."""
    key = encoding(plus(multiple(a, BASE), multiple(t, EIGHT)))
    commitment = encoding(plus(multiple(r, BASE), multiple(u, EIGHT)))
    for number in range(1_000):
        message = b"%s %d" % (name.encode(), number)
        k = challenge(commitment, key, message)
        if ((u + k * t) % 8 == 0) == plain:
            s = (r + k * a) % L
            signature = commitment + s.to_bytes(32, "little")
            return Edge(name, key, message, signature, plain, True, registrable)
    raise AssertionError("one message in eight fits")


def _by_orders() -> Iterator[Edge]:
    yield _made("a good signature", _A, 0, _R, 0, True, True)
    yield _made("S = 0, A and R of small order", 0, 1, 0, 3, True)
    yield _made("A of small order, R mixed", 0, 1, _R, 3, True)
    yield _made("A mixed, R of small order", _A, 1, 0, 3, True)
    yield _made("A and R mixed", _A, 1, _R, 3, True)
    yield _made("A and R mixed, with the cofactor only", _A, 1, _R, 3, False)
    yield _made("A mixed, R good, with the cofactor only", _A, 1, _R, 0, False)
    yield _made("A good, R mixed, with the cofactor only", _A, 0, _R, 3, False, True)
    yield _made("A good, R of small order, with the cofactor only", _A, 0, 0, 3, False, True)
    yield _made("A good, R neutral", _A, 0, 0, 0, True, True)
    yield _made("A neutral, R good", 0, 0, _R, 0, True)
    yield _made("A and R neutral, S = 0: fits every message", 0, 0, 0, 0, True)


def _by_scalars() -> Iterator[Edge]:
    """S + n*L: the same equation, other bytes."""
    good = _made("S", _A, 0, _R, 0, True, True)
    s = int.from_bytes(good.signature[32:], "little")
    for n in (1, 2, 7, 8, 15):
        signature = good.signature[:32] + (s + n * L).to_bytes(32, "little")
        name = f"S + {n}*L" + (", S >= 2^253" if s + n * L >= 2**253 else "")
        yield Edge(name, good.key, good.message, signature, True, True, True)


def _by_encodings() -> Iterator[Edge]:
    """R or A in bytes that are no canonical encoding, of points that are on the curve."""
    for number, bad in enumerate(NON_CANONICAL):
        try:
            of = point(bad)
        except ValueError:
            continue
        if not _is_neutral(multiple(8, of)):
            continue
        key = encoding(multiple(_A, BASE))
        message = b"R not canonical %d" % number
        s = challenge(bad, key, message) * _A % L
        plain = _is_neutral(of)
        signature = bad + s.to_bytes(32, "little")
        yield Edge(f"R not canonical, {bad[:1].hex()}", key, message, signature, plain, True, True)
        commitment = encoding(multiple(_R, BASE))
        for tried in range(100):
            message = b"A not canonical %d %d" % (number, tried)
            k = challenge(commitment, bad, message)
            if _is_neutral(multiple(k, of)):
                signature = commitment + _R.to_bytes(32, "little")
                yield Edge(f"A not canonical, {bad[:1].hex()}", bad, message, signature, True, True)
                break


EDGES = (*_by_orders(), *_by_scalars(), *_by_encodings())
