"""An input's bytes as a series of choices, so that a fuzzer that only knows bytes can steer a test
that needs numbers, lengths and turns. What is used up gives zeros: every input means something."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

INTERESTING = (
    0, 1, 2, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32,
    2**53, 2**62, 2**63 - 2, 2**63 - 1,
)  # fmt: skip
"""Numbers at which encodings and limits turn."""


class Choices:
    """Reads an input from its start."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._data)

    def byte(self) -> int:
        """The next byte."""
        return (self.take(1) or b"\x00")[0]

    def below(self, count: int) -> int:
        """A number 0..count-1, for counts up to 256."""
        return self.byte() % count

    def one_of(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]

    def number(self) -> int:
        """0..2^63-1: small, at a turn, or any."""
        kind = self.below(4)
        if kind == 0:
            return self.byte()
        if kind == 1:
            return self.one_of(INTERESTING)
        if kind == 2:
            return int.from_bytes(self.take(3), "big")
        return int.from_bytes(self.take(8), "big") & (2**63 - 1)

    def take(self, count: int) -> bytes:
        """The next `count` bytes, or what is left of them."""
        found = self._data[self._at : self._at + count]
        self._at += count
        return found

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(max(0, len(self._data) - self._at))
