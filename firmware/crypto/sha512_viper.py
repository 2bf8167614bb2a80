"""SHA-512 (FIPS 180-4) for MicroPython's viper compiler: machine code of 32-bit words.

A word of SHA-512 is two halves, the high one first. Made into machine code by `mpy-cross` for one
kind of chip (`make board`), or on the board itself from this source. It needs machine words of 32
bits; on others `sha512` finds that it is wrong and takes plain Python. It allocates next to
nothing, and no step of it depends on the data: no branch, no index.
"""

from array import array
from struct import pack, unpack

import micropython

from firmware.crypto.sha512_parts import INITIAL, ROUNDS, tail

_ROUNDS = array("I", unpack(">160I", ROUNDS))
_words = array("I", bytes(640))
# One for all: nothing else runs between the first and the last use of it.


def sha512(data: bytes) -> bytes:
    """The 64-byte SHA-512 of `data`."""
    state = array("I", unpack(">16I", INITIAL))
    for offset in range(0, len(data) - len(data) % 128, 128):
        _schedule(data, offset, _words)
        _compress(state, _words, _ROUNDS)
    rest = tail(data)
    for offset in range(0, len(rest), 128):
        _schedule(rest, offset, _words)
        _compress(state, _words, _ROUNDS)
    return pack(">16I", *state)


@micropython.viper
def _schedule(block: ptr8, offset: int, words: ptr32):
    """The eighty words of the 128 bytes at `offset`."""
    for t in range(32):
        at = offset + (t << 2)
        words[t] = block[at] << 24 | block[at + 1] << 16 | block[at + 2] << 8 | block[at + 3]
    for t in range(32, 160, 2):
        # Rotations by 1 and 8, and a shift by 7.
        high = uint(words[t - 30])
        low = uint(words[t - 29])
        high0 = (high >> 1 | low << 31) ^ (high >> 8 | low << 24) ^ (high >> 7)
        low0 = (low >> 1 | high << 31) ^ (low >> 8 | high << 24) ^ (low >> 7 | high << 25)
        # Rotations by 19 and 61, and a shift by 6.
        high = uint(words[t - 4])
        low = uint(words[t - 3])
        high1 = (high >> 19 | low << 13) ^ (low >> 29 | high << 3) ^ (high >> 6)
        low1 = (low >> 19 | high << 13) ^ (high >> 29 | low << 3) ^ (low >> 6 | high << 26)
        # The sum of four words: low halves first, what overflows from them to the high ones.
        low = uint(words[t - 31])
        sum0 = low + low0
        carry = uint(sum0 < low)
        sum1 = sum0 + low1
        carry += uint(sum1 < sum0)
        sum2 = sum1 + uint(words[t - 13])
        carry += uint(sum2 < sum1)
        words[t] = uint(words[t - 32]) + high0 + high1 + uint(words[t - 14]) + carry
        words[t + 1] = sum2


@micropython.viper
def _compress(state: ptr32, words: ptr32, rounds: ptr32):
    """One round of the compression function with these words."""
    ah = uint(state[0])
    al = uint(state[1])
    bh = uint(state[2])
    bl = uint(state[3])
    ch = uint(state[4])
    cl = uint(state[5])
    dh = uint(state[6])
    dl = uint(state[7])
    eh = uint(state[8])
    el = uint(state[9])
    fh = uint(state[10])
    fl = uint(state[11])
    gh = uint(state[12])
    gl = uint(state[13])
    hh = uint(state[14])
    hl = uint(state[15])
    for t in range(0, 160, 2):
        # h + (e rotated by 14, 18, 41) + (e chooses f or g) + round constant + word
        sum0 = hl + ((el >> 14 | eh << 18) ^ (el >> 18 | eh << 14) ^ (eh >> 9 | el << 23))
        carry = uint(sum0 < hl)
        sum1 = sum0 + (gl ^ el & (fl ^ gl))
        carry += uint(sum1 < sum0)
        sum2 = sum1 + uint(rounds[t + 1])
        carry += uint(sum2 < sum1)
        first_low = sum2 + uint(words[t + 1])
        carry += uint(first_low < sum2)
        first = hh + ((eh >> 14 | el << 18) ^ (eh >> 18 | el << 14) ^ (el >> 9 | eh << 23))
        first += (gh ^ eh & (fh ^ gh)) + uint(rounds[t]) + uint(words[t]) + carry
        # (a rotated by 28, 34, 39) + (the majority of a, b, c)
        low = (al >> 28 | ah << 4) ^ (ah >> 2 | al << 30) ^ (ah >> 7 | al << 25)
        second_low = low + (al & bl | cl & (al | bl))
        second = (ah >> 28 | al << 4) ^ (al >> 2 | ah << 30) ^ (al >> 7 | ah << 25)
        second += (ah & bh | ch & (ah | bh)) + uint(second_low < low)
        hh = gh
        hl = gl
        gh = fh
        gl = fl
        fh = eh
        fl = el
        el = dl + first_low
        eh = dh + first + uint(el < dl)
        dh = ch
        dl = cl
        ch = bh
        cl = bl
        bh = ah
        bl = al
        al = first_low + second_low
        ah = first + second + uint(al < first_low)
    words[0] = ah
    words[1] = al
    words[2] = bh
    words[3] = bl
    words[4] = ch
    words[5] = cl
    words[6] = dh
    words[7] = dl
    words[8] = eh
    words[9] = el
    words[10] = fh
    words[11] = fl
    words[12] = gh
    words[13] = gl
    words[14] = hh
    words[15] = hl
    for t in range(0, 16, 2):
        low = uint(state[t + 1])
        sum0 = low + uint(words[t + 1])
        state[t] = uint(state[t]) + uint(words[t]) + uint(sum0 < low)
        state[t + 1] = sum0
