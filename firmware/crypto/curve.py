"""The curve of Ed25519 (RFC 8032, 5.1) on big integers: its field, its points, and multiples.

What may live here: points and numbers. Whose they are, and what is signed with them, may not. What
of it takes a time that depends on secrets is told in `firmware/crypto/__init__.py`.
"""

P = 2**255 - 19
"""The field's prime."""
L = 2**252 + 27742317777372353535851937790883648493
"""The order of the base point."""

_D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
_D2 = 2 * _D % P
_SQRT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
BASE = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
    1,
    46827403850823179245072216630277197565144205554125654976674165829533817101731,
)

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


def double(point: tuple[int, ...]) -> tuple[int, int, int, int]:
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


def add(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, int, int, int]:
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


def negative(point: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The point that gives the neutral element when it is added."""
    x, y, z, t = point
    return P - x, y, z, P - t


def multiply(point: tuple[int, ...], scalar: int) -> tuple[int, int, int, int]:
    """`scalar` (0 <= scalar < 2**256) times any point, four bits at a time."""
    multiples = [_NEUTRAL, point]
    for _ in range(14):
        multiples.append(add(multiples[-1], point))
    total = _NEUTRAL
    for byte in scalar.to_bytes(32, "big"):
        for digit in (byte >> 4, byte & 15):
            total = double(double(double(double(total))))
            if digit:
                total = add(total, multiples[digit])
    return total


# Multiples of a point that is known beforehand: a signed comb of four teeth in two blocks (Hamburg,
# Fast and compact elliptic-curve cryptography, 2012, section 3.3). The scalar is written with 256
# digits that are all 1 or -1. Four of them, 64 places apart, choose one of sixteen sums, of which
# eight are the others' negatives; the upper half of each 64 places has sums of its own. So each
# scalar takes the same 32 doublings and 64 additions.

_HALF = (L + 1) >> 1
_ALL_ONES = (1 << 256) - 1


def comb_of(point: tuple[int, ...]) -> tuple[int, ...]:
    """The table of a point of order L, for `multiply_comb`: 48 numbers of 32 bytes. Worth it for a
    point that is used often."""
    lower = _comb_block(point)
    for _ in range(32):
        point = double(point)
    return tuple(lower + _comb_block(point))


def _comb_block(point: tuple[int, ...]) -> list[int]:
    """The eight sums of a block in which the digit of the highest tooth is 1, in the order of the
    other three digits, each as y + x, y - x, 2dxy."""
    teeth = [point]
    for _ in range(3):
        for _ in range(64):
            point = double(point)
        teeth.append(point)
    block: list[int] = []
    for digits in range(8):
        total = teeth[3]
        for tooth in range(3):
            one = teeth[tooth]
            total = add(total, one if digits >> tooth & 1 else negative(one))
        x, y, z, _ = total
        scale = inverse(z)
        x = x * scale % P
        y = y * scale % P
        block += ((y + x) % P, (y - x) % P, x * y % P * _D2 % P)
    return block


def multiply_comb(table: tuple[int, ...], scalar: int, blind: int = 1) -> tuple[int, int, int, int]:
    """`scalar` (any, not negative) times the point whose table this is. `blind` (1 <= blind < P)
    changes every number on the way, and not the point."""
    digits = ((scalar + _ALL_ONES) * _HALF % L).to_bytes(32, "little")
    p = P  # a local name is looked up faster
    x = 0
    y = z = blind
    for column in range(31, -1, -1):
        # As in `double`, but T is only computed where an addition follows, which needs it.
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
        shift = column & 7
        place = column >> 3
        for byte, block in ((place + 4, 24), (place, 0)):
            chosen = (
                (digits[byte] >> shift & 1)
                | (digits[byte + 8] >> shift & 1) << 1
                | (digits[byte + 16] >> shift & 1) << 2
            )
            # The highest digit is the sign of the other three's sum. Both signs are computed and
            # one is taken, so that it makes no difference to the time.
            sign = digits[byte + 24] >> shift & 1
            at = block + (chosen ^ 7 * (1 - sign)) * 3
            product = table[at + 2]
            product = (p - product, product)[sign]
            a = (y - x) * table[at + sign] % p
            b = (y + x) * table[at + 1 - sign] % p
            c = e * h % p * product % p
            d = 2 * z
            e = b - a
            f = d - c
            g = d + c
            h = b + a
            x = e * f % p
            y = g * h % p
            z = f * g % p
    return x * z % P, y * z % P, z * z % P, x * y % P


def encode(point: tuple[int, ...]) -> bytes:
    """The 32 bytes of a point (RFC 8032, 5.1.2)."""
    x, y, z, _ = point
    scale = inverse(z)
    return (y * scale % P | (x * scale % P & 1) << 255).to_bytes(32, "little")


def is_small_order(point: tuple[int, ...]) -> bool:
    """Whether eight times the point is the neutral element."""
    x, y, z, _ = double(double(double(point)))
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
    return None if is_small_order(point) else point
