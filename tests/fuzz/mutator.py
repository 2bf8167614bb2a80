"""A plain mutator for where atheris can't be installed: seeded, and blind to coverage."""

import random
from collections.abc import Sequence

from tests.fuzz.choices import INTERESTING
from tests.fuzz.target import Target

_BYTES = (
    0x00,
    0x01,
    0x7F,
    0x80,
    0xFF,
    0x1B,
    0x5B,
    0x9F,
    0xBF,
    0xF9,
    0xFB,
    0xD2,
    ord(","),
    ord('"'),
)


class Found(Exception):
    """A target raised; `data` is the input that made it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"a fault on {len(data)} bytes: {data[:64].hex()}")
        self.data = data


def mutated(random_: random.Random, corpus: Sequence[bytes], max_len: int) -> bytes:
    """One input of the corpus, changed in one to six places."""
    data = bytearray(random_.choice(corpus))
    for _ in range(random_.randint(1, 6)):
        at = random_.randint(0, len(data))
        end = min(len(data), at + random_.choice((0, 1, 1, 2, 4, 8, 32)))
        step = random_.randrange(8)
        if step == 0:
            data[at:end] = b""
        elif step == 1:
            data[at:at] = random_.randbytes(random_.choice((1, 2, 8)))
        elif step == 2:
            data[at:end] = random_.randbytes(end - at)
        elif step == 3 and end > at:
            data[at] ^= 1 << random_.randrange(8)
        elif step == 4:
            data[at : at + 1] = bytes([random_.choice(_BYTES)])
        elif step == 5:
            number = random_.choice(INTERESTING)
            data[at:end] = number.to_bytes(random_.choice((8, 9)), "big")
        elif step == 6:
            other = random_.choice(corpus)
            start = random_.randint(0, len(other))
            data[at:] = other[start:]
        else:
            data[at:at] = data[at:end]
    return bytes(data[:max_len])


def fuzz(target: Target, runs: int, seed: int, corpus: Sequence[bytes]) -> None:
    """Try the corpus, then mutations of it, `runs` inputs in all. Raises Found."""
    random_ = random.Random(seed)
    start = list(corpus) or [b""]
    for number in range(runs):
        data = start[number] if number < len(start) else mutated(random_, start, target.max_len)
        try:
            target.run(data)
        except BaseException as error:
            raise Found(data) from error
