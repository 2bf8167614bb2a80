# As much of pytest as the tests that also run under MicroPython need.
#
# A decorated test is an object here, since MicroPython's functions take no attributes. What a
# test's arguments are called, which MicroPython does not know either, the host says (../suite.py).
import os
import re


class Decorated:
    def __init__(self, function):
        self.function = function
        self.cases = [{}]
        self.strategies = ()
        self.named = {}

    def __call__(self, *arguments, **named):
        return self.function(*arguments, **named)


def decorated(test):
    return test if isinstance(test, Decorated) else Decorated(test)


class Mark:
    def parametrize(self, names, values, ids=None):
        if isinstance(names, str):
            names = [name.strip() for name in names.split(",")]

        def decorate(test):
            test = decorated(test)
            cases = []
            for value in values:
                given = [value] if len(names) == 1 else value
                for case in test.cases:
                    merged = dict(case)
                    merged.update(dict(zip(names, given)))  # noqa: B905
                    cases.append(merged)
            test.cases = cases
            return test

        return decorate

    def threat(self, *cases):
        return lambda test: test


mark = Mark()


def fixture(function):
    return Fixture(function)


class Fixture:
    def __init__(self, function):
        self.function = function


class Raised:
    value = None


class raises:  # noqa: N801
    def __init__(self, kind, match=None):
        self.kind = kind
        self.match = match
        self.raised = Raised()

    def __enter__(self):
        return self.raised

    def __exit__(self, kind, error, trace):
        assert error is not None, "did not raise " + str(self.kind)
        if not isinstance(error, self.kind):
            return False
        self.raised.value = error
        if self.match is not None:
            assert re.search(self.match, str(error)), str(error) + " is not " + self.match
        return True


class MonkeyPatch:
    def __init__(self):
        self.undoing = []

    def setattr(self, thing, name, value):
        self.undoing.append((thing, name, getattr(thing, name)))
        setattr(thing, name, value)

    def undo(self):
        while self.undoing:
            setattr(*self.undoing.pop())


def new_folder():
    # Its own for each test, empty.
    number = len([name for name in os.listdir(".") if name.startswith("folder")])
    path = "folder" + str(number)
    os.mkdir(path)
    return path
