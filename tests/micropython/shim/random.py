# MicroPython has one generator; tests that make their own share it.
from urandom import *  # noqa: F403
from urandom import getrandbits, randrange


class Random:
    def __init__(self, seed=0):
        pass

    getrandbits = staticmethod(getrandbits)
    randrange = staticmethod(randrange)

    def choice(self, items):
        return items[randrange(len(items))]

    def random(self):
        return getrandbits(24) / (1 << 24)

    def shuffle(self, items):
        for last in range(len(items) - 1, 0, -1):
            other = randrange(last + 1)
            items[last], items[other] = items[other], items[last]

    def sample(self, items, count):
        items = list(items)
        self.shuffle(items)
        return items[:count]
