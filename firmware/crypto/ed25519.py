"""Ed25519 (RFC 8032) on big integers: what a device signs with and checks the gateway with.

Nothing but the signature scheme and its curve may live here. `verify` decides as libsodium does
(cofactorless, no small-order or non-canonical point, S below L), so that device and gateway never
disagree about a signature. Not constant in time; see the package.
"""

from firmware.crypto.sha512 import sha512

P = 2**255 - 19
"""The field's prime."""
L = 2**252 + 27742317777372353535851937790883648493
"""The order of the base point."""

_D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
_D2 = 2 * _D % P
_SQRT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960

# A point is (X, Y, Z, T): x = X/Z, y = Y/Z, x*y = T/Z (extended twisted Edwards coordinates).
_NEUTRAL = (0, 1, 1, 0)


def inverse(value: int) -> int:
    """The inverse of `value` modulo P, and 0 for 0. By extended Euclid: on a microcontroller's
    big integers that is eight times faster than raising to P - 2."""
    low, high = value % P, P
    x, y = 1, 0
    while low > 1:
        quotient = high // low
        low, high = high - quotient * low, low
        x, y = y - quotient * x, x
    return x % P if low else 0


def _double(point: tuple[int, ...]) -> tuple[int, int, int, int]:
    x, y, z, _ = point
    a = x * x
    b = y * y
    h = a + b
    e = h - (x + y) * (x + y)
    g = a - b
    f = 2 * z * z + g
    # Squares are added up before they are reduced; factors are reduced before they are multiplied.
    e %= P
    f %= P
    g %= P
    h %= P
    return e * f % P, g * h % P, f * g % P, e * h % P


def _add(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, int, int, int]:
    x, y, z, t = one
    x2, y2, z2, t2 = other
    a = (y - x) * (y2 - x2) % P
    b = (y + x) * (y2 + x2) % P
    c = t * t2 % P * _D2 % P
    d = 2 * z * z2 % P
    e = b - a
    f = d - c
    g = d + c
    h = b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(point: tuple[int, ...], scalar: int) -> tuple[int, int, int, int]:
    """`scalar` (0 <= scalar < 2**256) times any point, four bits at a time."""
    multiples = [_NEUTRAL, point]
    for _ in range(14):
        multiples.append(_add(multiples[-1], point))
    total = _NEUTRAL
    for byte in scalar.to_bytes(32, "big"):
        for digit in (byte >> 4, byte & 15):
            total = _double(_double(_double(_double(total))))
            if digit:
                total = _add(total, multiples[digit])
    return total


def _comb_table() -> tuple[tuple[int, int, int], ...]:
    """For each set of teeth 1..15, the sum of 2**(64 * tooth) times the base point, as
    (y + x, y - x, 2dxy): 1.4 KB, made once at start."""
    point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)
    sums = [_NEUTRAL]
    for tooth in range(4):
        sums += [_add(known, point) for known in sums]
        if tooth < 3:
            for _ in range(64):
                point = _double(point)
    table = []
    for x, y, z, _ in sums:
        scale = inverse(z)
        x = x * scale % P
        y = y * scale % P
        table.append(((y + x) % P, (y - x) % P, x * y % P * _D2 % P))
    return tuple(table)


_COMB = _comb_table()


def _multiply_base(scalar: int) -> tuple[int, int, int, int]:
    """`scalar` (0 <= scalar < 2**256) times the base point."""
    digits = scalar.to_bytes(32, "little")
    p = P  # a local name is looked up faster
    x, y, z = 0, 1, 1
    for column in range(63, -1, -1):
        # As in `_double`, but T is only computed where an addition follows, which needs it.
        a = x * x
        b = y * y
        h = a + b
        e = (h - (x + y) * (x + y)) % p
        g = (a - b) % p
        f = (2 * z * z + g) % p
        h %= p
        x = e * f % p
        y = g * h % p
        z = f * g % p
        place = column >> 3
        shift = column & 7
        teeth = (
            (digits[place] >> shift & 1)
            | (digits[place + 8] >> shift & 1) << 1
            | (digits[place + 16] >> shift & 1) << 2
            | (digits[place + 24] >> shift & 1) << 3
        )
        if teeth:
            plus, minus, product = _COMB[teeth]
            a = (y - x) * minus % p
            b = (y + x) * plus % p
            c = e * h % p * product % p
            d = 2 * z
            e = b - a
            f = d - c
            g = d + c
            h = b + a
            # The next doubling needs no T, so none is computed.
            x = e * f % p
            y = g * h % p
            z = f * g % p
    return x * z % P, y * z % P, z * z % P, x * y % P


def _encode(point: tuple[int, ...]) -> bytes:
    x, y, z, _ = point
    scale = inverse(z)
    return (y * scale % P | (x * scale % P & 1) << 255).to_bytes(32, "little")


def _is_small_order(point: tuple[int, ...]) -> bool:
    """Whether eight times the point is the neutral element."""
    x, y, z, _ = _double(_double(_double(point)))
    return x == 0 and y == z


def decode_point(encoded: bytes) -> tuple[int, int, int, int] | None:
    """The point that 32 bytes encode (RFC 8032, 5.1.3), or None if they encode none, encode it in
    a way that is not canonical, or encode a point of small order."""
    if len(encoded) != 32:
        return None
    y = int.from_bytes(encoded, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    if y >= P:
        return None
    u = (y * y - 1) % P
    v = (_D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    square = v * x * x % P
    if square != u:
        if square != P - u:
            return None
        x = x * _SQRT_M1 % P
    # x = 0 has small order, so its other sign need not be told apart.
    if x & 1 != sign:
        x = P - x
    point = (x, y, 1, x * y % P)
    return None if _is_small_order(point) else point


def secret_scalar(seed: bytes) -> tuple[int, bytes]:
    """The clamped scalar and the 32-byte prefix of a 32-byte seed (RFC 8032, 5.1.5)."""
    if len(seed) != 32:
        raise ValueError("seed: must be 32 bytes, not " + str(len(seed)))
    digest = sha512(seed)
    scalar = int.from_bytes(digest[:32], "little")
    return scalar & ((1 << 254) - 8) | 1 << 254, digest[32:]


def public_key(seed: bytes) -> bytes:
    """The 32-byte public key of a 32-byte seed. Raises ValueError for another length."""
    return _encode(_multiply_base(secret_scalar(seed)[0]))


class SigningKey:
    """A key that signs. What follows from the seed is computed once, as it costs as much as a
    signature."""

    def __init__(self, seed: bytes) -> None:
        self._scalar, self._prefix = secret_scalar(seed)
        self.public_key = _encode(_multiply_base(self._scalar))

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message`: always the same for the same message."""
        nonce = int.from_bytes(sha512(self._prefix + message), "little") % L
        commitment = _encode(_multiply_base(nonce))
        challenge = int.from_bytes(sha512(commitment + self.public_key + message), "little") % L
        return commitment + ((nonce + challenge * self._scalar) % L).to_bytes(32, "little")


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is that key's over `message`. Never raises for bytes."""
    if len(signature) != 64:
        return False
    response = int.from_bytes(signature[32:], "little")
    if response >= L:
        return False
    point = decode_point(public_key)
    if point is None:
        return False
    commitment = bytes(signature[:32])
    challenge = int.from_bytes(sha512(commitment + public_key + message), "little") % L
    x, y, z, t = _multiply(point, challenge)
    expected = _add(_multiply_base(response), (P - x, y, z, P - t))
    # Comparing the encodings refuses every R that is not canonical.
    return not _is_small_order(expected) and _encode(expected) == commitment
