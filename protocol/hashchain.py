"""Hash-chain ticks (PayWord, Rivest and Shamir, 1996): each revealed preimage pays one more unit
quantum at the channel's tariff.

A chain of length n is w[n] (secret), w[i] = SHA-256(w[i+1]), and its root w[0], which an IOU signs.
Tick i reveals w[i].
"""

import hashlib


def walk(preimage: bytes, steps: int) -> bytes:
    """The chain's value `steps` below `preimage`."""
    for _ in range(steps):
        preimage = hashlib.sha256(preimage).digest()
    return preimage


def is_tick(preimage: bytes, index: int, known: bytes, known_index: int) -> bool:
    """Whether `preimage` is value number `index` of the chain whose value number `known_index`
    (less than `index`) is `known`. The work is `index - known_index` hashes: bound it first."""
    return index > known_index and walk(preimage, index - known_index) == known
