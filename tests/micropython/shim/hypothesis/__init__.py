# As much of Hypothesis as the tests that also run under MicroPython need: a few random examples of
# each property, the same ones every time. To search for more is CPython's part.
from pytest import decorated

from hypothesis import strategies

EXAMPLES = 8


def given(*given, **named):
    def decorate(test):
        test = decorated(test)
        test.strategies = given
        test.named = named
        return test

    return decorate


def settings(**_):
    return lambda test: test


def example(*_):
    return lambda test: test


__all__ = ["EXAMPLES", "example", "given", "settings", "strategies"]
