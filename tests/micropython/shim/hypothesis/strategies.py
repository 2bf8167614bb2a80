# See the package. A strategy is an object that draws.
import random

random.seed(1)


class Strategy:
    def __init__(self, draw):
        self.draw = draw

    def map(self, function):
        return Strategy(lambda: function(self.draw()))

    def filter(self, fits):
        def draw():
            for _ in range(1000):
                found = self.draw()
                if fits(found):
                    return found
            raise ValueError("nothing fits")

        return Strategy(draw)


def _below(limit):
    # Any size: MicroPython's random numbers have 32 bits at most.
    low = shift = 0
    while limit >> 32:
        limit >>= 32
        low = low << 32 | random.getrandbits(32)
        shift += 32
    return (random.getrandbits(32) % limit) << shift | low


def integers(least, most):
    def draw():
        # The ends and what is near them more often than chance would have it.
        near = random.getrandbits(3)
        if near == 0:
            return least
        if near == 1:
            return most
        if near == 2:
            return min(most, least + random.getrandbits(4))
        return least + _below(most - least + 1)

    return Strategy(draw)


def booleans():
    return Strategy(lambda: bool(random.getrandbits(1)))


def binary(min_size=0, max_size=64):
    return Strategy(
        lambda: bytes([random.getrandbits(8) for _ in range(_between(min_size, max_size))])
    )


def _between(least, most):
    return least + _below(most - least + 1)


def lists(elements, min_size=0, max_size=8, unique=False):
    def draw():
        found = []
        for _ in range(_between(min_size, max_size)):
            each = elements.draw()
            if not unique or each not in found:
                found.append(each)
        return found

    return Strategy(draw)


def tuples(*parts):
    return Strategy(lambda: tuple([part.draw() for part in parts]))


def sampled_from(choices):
    choices = list(choices)
    return Strategy(lambda: choices[_below(len(choices))])


def one_of(*strategies):
    return Strategy(lambda: strategies[_below(len(strategies))].draw())


class Data:
    def draw(self, strategy):
        return strategy.draw()


def randoms(**_):
    return Strategy(random.Random)


def data():
    return Strategy(Data)
