"""Hash-chain ticks (PayWord, Rivest and Shamir, 1996): each revealed preimage pays one more unit
quantum at the channel's tariff.

A chain of length n is w[n] (secret), w[i] = SHA-256(w[i+1]), and its root w[0], which an IOU signs.
Tick i reveals w[i].
"""

import hashlib

MAX_LENGTH = 65_536
"""The longest chain that is accepted: what a chain costs its maker is bounded by it."""
MAX_STEPS = 1_024
"""The most that one tick may lie beyond the last one known: what one message can cost its receiver
is bounded by it. A payer with more than that unacknowledged signs an IOU."""


def walk(preimage: bytes, steps: int) -> bytes:
    """The chain's value `steps` below `preimage`."""
    for _ in range(steps):
        preimage = hashlib.sha256(preimage).digest()
    return preimage


def is_tick(preimage: bytes, index: int, known: bytes, known_index: int) -> bool:
    """Whether `preimage` is value number `index` of the chain whose value number `known_index`
    (less than `index`) is `known`. The work is `index - known_index` hashes: bound it first."""
    return index > known_index and walk(preimage, index - known_index) == known


class Chain:
    """A chain as its maker has it: values in rising order of their index, in little memory.

    It keeps checkpoints between the secret and the value asked for last, each half as far from it
    as the one before: at most log2(length) + 1 values of 32 bytes. All values in order cost
    log2(length) / 2 hashes each. `length` is 1..MAX_LENGTH.
    """

    def __init__(self, secret: bytes, length: int) -> None:
        self.secret = secret
        self.length = length
        self._checkpoints = [(length, secret)]
        self.root = self.value(0)

    def value(self, index: int) -> bytes:
        """w[index], 0..length. An index below the one asked for last costs the whole walk."""
        checkpoints = self._checkpoints
        while checkpoints and checkpoints[-1][0] < index:
            checkpoints.pop()
        if not checkpoints:
            checkpoints.append((self.length, self.secret))
        at, value = checkpoints[-1]
        while at - index > 1:
            half = (at - index + 1) // 2
            value = walk(value, half)
            at -= half
            checkpoints.append((at, value))
        return walk(value, at - index)
