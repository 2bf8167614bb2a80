# Ed25519 as RFC 8032 and FIPS 180-4 write it down, for comparison: double-and-add with one formula
# for both, inverses by Fermat, rotations by their definition, every sum reduced at once.
import struct

from firmware.crypto.curve import BASE, L, P
from firmware.crypto.sha512_parts import INITIAL, ROUNDS

MASK = (1 << 64) - 1
K = struct.unpack(">80Q", ROUNDS)
D = -121665 * pow(121666, P - 2, P) % P


def rotated(x, places):
    return (x >> places | x << (64 - places)) & MASK


def sha512(data):
    zeros = (111 - len(data)) % 128
    padded = data + b"\x80" + bytes(zeros) + (len(data) * 8).to_bytes(16, "big")
    state = list(struct.unpack(">8Q", INITIAL))
    for at in range(0, len(padded), 128):
        w = list(struct.unpack(">16Q", padded[at : at + 128]))
        for t in range(16, 80):
            s0 = rotated(w[t - 15], 1) ^ rotated(w[t - 15], 8) ^ w[t - 15] >> 7
            s1 = rotated(w[t - 2], 19) ^ rotated(w[t - 2], 61) ^ w[t - 2] >> 6
            w.append((s1 + w[t - 7] + s0 + w[t - 16]) & MASK)
        a, b, c, d, e, f, g, h = state
        for t in range(80):
            s1 = rotated(e, 14) ^ rotated(e, 18) ^ rotated(e, 41)
            choice = (e & f) ^ (~e & g)
            t1 = (h + s1 + choice + K[t] + w[t]) & MASK
            s0 = rotated(a, 28) ^ rotated(a, 34) ^ rotated(a, 39)
            majority = (a & b) ^ (a & c) ^ (b & c)
            t2 = (s0 + majority) & MASK
            a, b, c, d, e, f, g, h = (t1 + t2) & MASK, a, b, c, (d + t1) & MASK, e, f, g
        state = [(x + y) & MASK for x, y in zip(state, (a, b, c, d, e, f, g, h))]
    return struct.pack(">8Q", *state)


def add(one, other):
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar, point):
    total = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


def encode(point):
    scale = pow(point[2], P - 2, P)
    x, y = point[0] * scale % P, point[1] * scale % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def expand(seed):
    digest = sha512(seed)
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return scalar, digest[32:], encode(multiply(scalar, BASE))


def sign_expanded(expanded, message):
    scalar, prefix, public = expanded
    nonce = int.from_bytes(sha512(prefix + message), "little") % L
    commitment = encode(multiply(nonce, BASE))
    challenge = int.from_bytes(sha512(commitment + public + message), "little") % L
    return commitment + ((nonce + challenge * scalar) % L).to_bytes(32, "little")


def sign(seed, message):
    # As in section 6 of RFC 8032, which expands the key for each signature.
    return sign_expanded(expand(seed), message)
