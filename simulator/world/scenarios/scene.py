"""What plots are told with: the choices that a seed makes for them, and the story as it grows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import lcm
from random import Random
from typing import TypeVar

from simulator.world.story import Operation, Options

Choice = TypeVar("Choice")

EVERYWHERE = -2
"""Every way to the broker and from it, where an operation names one."""


class Scene:
    """One telling of a plot. `variant` counts the tellings of that plot, from 0: what is asked for
    by `over` goes through all combinations, one for each variant. What is `draw`n only has to
    differ. `now` is the milliseconds that have passed in the story."""

    def __init__(self, seed: int, variant: int) -> None:
        self.seed = seed
        self.draw = Random(f"scenario {seed}")
        self.operations: list[Operation] = []
        self.now = 0
        self._variant = variant
        self._combinations = 1

    def over(self, choices: Sequence[Choice]) -> Choice:
        """One of these choices: all are gone through by the first variants, side by side with those
        of every other question, and all combinations by as many variants as there are."""
        before = self._combinations
        self._combinations *= len(choices)
        turn = self._variant % self._combinations
        # Where the choices would come in step with those before, they move on by one.
        return choices[(turn + turn // lcm(before, len(choices))) % len(choices)]

    def do(self, name: str, *arguments: str | int) -> None:
        """The next operation, one of `perform.OPERATIONS`."""
        self.operations.append([name, *arguments])

    def wait(self, milliseconds: int) -> None:
        """Time passes."""
        self.now += milliseconds
        self.do("wait", milliseconds)

    def wait_until(self, milliseconds: int) -> None:
        """Time passes until so long after the story's beginning, if it is not later already."""
        if milliseconds > self.now:
            self.wait(milliseconds - self.now)

    def consume(self, devices: Sequence[int], units: int) -> None:
        """The loads of these devices draw so many units each."""
        for number in devices:
            self.do("consume", number, units)

    def settle(self) -> None:
        """A settlement, from its beginning to what the rail says of it."""
        self.do("settle")
        self.do("rail_execute")
        self.do("report", 100)


Teller = Callable[[Scene], Options]


@dataclass(frozen=True)
class Plot:
    """One plot: its name, a line of words, the kinds of fault that it is about, and how it is told:
    `tell` puts a scene's operations in order, and gives the world that they happen to."""

    name: str
    words: str
    brings: tuple[str, ...]
    tell: Teller


def plot(words: str, *brings: str) -> Callable[[Teller], Plot]:
    """Makes a plot of the function that tells it, and is named as it is to be."""
    return lambda tell: Plot(tell.__name__, words, brings, tell)
