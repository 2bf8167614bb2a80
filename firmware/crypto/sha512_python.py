"""SHA-512 (FIPS 180-4) in Python that runs anywhere: what a board has if it has nothing faster, and
the oracle of what is faster.

Nothing but the hash may live here.
"""

import struct
from array import array

from firmware.crypto.sha512_parts import INITIAL, ROUNDS, tail

_MASK = 0xFFFFFFFFFFFFFFFF
_TWICE = 0x10000000000000001
"""A word times this is the word twice, side by side, so that a rotation is one shift."""

_K = array("Q", struct.unpack(">80Q", ROUNDS))


def sha512(data: bytes) -> bytes:
    """The 64-byte SHA-512 of `data`."""
    state: tuple[int, ...] = struct.unpack(">8Q", INITIAL)
    for offset in range(0, len(data) - len(data) % 128, 128):
        state = _compress(state, data, offset)
    rest = tail(data)
    for offset in range(0, len(rest), 128):
        state = _compress(state, rest, offset)
    return struct.pack(">8Q", *state)


def _compress(state: tuple[int, ...], block: bytes, offset: int) -> tuple[int, ...]:
    """One round of the compression function on the 128 bytes at `offset`.

    On a microcontroller every operation on 64 bits allocates, so there are as few as can be: what
    shifts leave above 64 bits is carried along and cut off with the sum, and a ^ b of one round is
    b ^ c of the next.
    """
    mask = _MASK
    twice = _TWICE
    words = list(struct.unpack_from(">16Q", block, offset))
    for t in range(16, 80):
        x = words[t - 15]
        y = words[t - 2]
        xx = x * twice
        yy = y * twice
        first = words[t - 16] + words[t - 7] + (xx >> 1 ^ xx >> 8 ^ x >> 7)
        words.append(first + (yy >> 19 ^ yy >> 61 ^ y >> 6) & mask)
    a, b, c, d, e, f, g, h = state
    bc = b ^ c
    for t in range(80):
        ee = e * twice
        first = h + (ee >> 14 ^ ee >> 18 ^ ee >> 41) + (g ^ e & (f ^ g)) + _K[t] + words[t]
        aa = a * twice
        ab = a ^ b
        second = (aa >> 28 ^ aa >> 34 ^ aa >> 39) + (b ^ ab & bc)
        bc = ab
        h = g
        g = f
        f = e
        e = d + first & mask
        d = c
        c = b
        b = a
        a = first + second & mask
    mixed = (a, b, c, d, e, f, g, h)
    return tuple([state[i] + mixed[i] & mask for i in range(8)])
