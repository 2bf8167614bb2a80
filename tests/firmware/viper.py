"""MicroPython's viper types on CPython: machine words of 32 bits, and pointers to them.

Viper code runs natively on chips alone. Loaded by `load`, its arithmetic runs here as its compiler
defines it: the left operand decides the type, sums wrap, `>>` is logical for `uint` and arithmetic
for `int`, an `int` is never compared to a `uint`, and a pointer's loads are `int`.
"""

import inspect
import sys
from array import array
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Self

_WORD = 0xFFFFFFFF


class Word(int):
    """A machine word; which of the two kinds is the subclass's."""

    def __new__(cls, value: int) -> Self:
        return super().__new__(cls, cls.wrapped(int(value)))

    @staticmethod
    def wrapped(value: int) -> int:
        raise NotImplementedError

    def __add__(self, other: int) -> Self:
        return type(self)(int(self) + int(other))

    def __and__(self, other: int) -> Self:
        return type(self)(int(self) & int(other))

    def __or__(self, other: int) -> Self:
        return type(self)(int(self) | int(other))

    def __xor__(self, other: int) -> Self:
        return type(self)(int(self) ^ int(other))

    def __lshift__(self, other: int) -> Self:
        return type(self)(int(self) << int(other))

    def __rshift__(self, other: int) -> Self:
        return type(self)(int(self) >> int(other))

    def __lt__(self, other: int) -> bool:
        assert type(self) is type(other), "comparison of int and uint"
        return int(self) < int(other)


class Uint(Word):
    """Viper's `uint`."""

    @staticmethod
    def wrapped(value: int) -> int:
        return value & _WORD


class Int(Word):
    """Viper's `int`."""

    @staticmethod
    def wrapped(value: int) -> int:
        return (value + 0x80000000 & _WORD) - 0x80000000


class Pointer:
    """`ptr8` and `ptr32`: indexed without bounds by a chip, with bounds here."""

    def __init__(self, memory: Any, size: int) -> None:
        self._bytes = memoryview(memory).cast("B")
        self._size = size

    def _place(self, index: int) -> slice:
        start = int(index) * self._size
        assert 0 <= start <= len(self._bytes) - self._size, "outside of the buffer"
        return slice(start, start + self._size)

    def __getitem__(self, index: int) -> Int:
        return Int(int.from_bytes(self._bytes[self._place(index)], sys.byteorder))

    def __setitem__(self, index: int, value: int) -> None:
        whole = (int(value) & _WORD).to_bytes(4, sys.byteorder)
        self._bytes[self._place(index)] = whole[: self._size]


_ARGUMENTS: dict[str, Callable[[Any], Any]] = {
    "ptr8": lambda value: Pointer(value, 1),
    "ptr32": lambda value: Pointer(value, 4),
    "int": Int,
}


def viper(function: Callable[..., Any]) -> Callable[..., Any]:
    """The decorator: arguments become what their annotations say."""
    names = [parameter.annotation for parameter in inspect.signature(function).parameters.values()]

    def call(*arguments: Any) -> Any:
        converted = [_ARGUMENTS[name](each) for name, each in zip(names, arguments, strict=True)]
        return function(*converted)

    return call


def load(source: Path) -> dict[str, Any]:
    """The names of a viper source, run under these types."""
    assert array("I").itemsize == 4
    stand_in = ModuleType("micropython")
    stand_in.viper = viper  # type: ignore[attr-defined]
    names: dict[str, Any] = {"uint": Uint, "ptr8": "ptr8", "ptr32": "ptr32"}
    text = source.read_text(encoding="utf-8").replace("offset: int", "offset: 'int'")
    before = sys.modules.get("micropython")
    sys.modules["micropython"] = stand_in
    try:
        exec(compile(text, str(source), "exec"), names)
    finally:
        if before is None:
            del sys.modules["micropython"]
        else:
            sys.modules["micropython"] = before
    return names
