"""What a compiled file (.mpy, version 6) holds that a program frozen into flash leaves there.

Loading the file puts all of it on the heap: the code of each function, the module's table of names
and its constants. Frozen, they are part of the image, and only what running the file makes is on
the heap: modules, functions, classes, and what those hold. The format is told in MicroPython's
documentation ("MicroPython .mpy files") and in its `py/persistentcode.c`.
"""

from dataclasses import dataclass

BLOCK = 16
"""Bytes of which the heap is made, where words have 32 bits: whatever is on it takes whole ones."""
_WORD = 4

_WITHOUT_BYTES = range(5)
"""The table of functions, None, False, True, Ellipsis: constants that are nowhere but here."""
_TEXT, _BYTES, _WHOLE, _TUPLE = 5, 6, 7, 10
_LOAD_NAME = 0x11
"""The first thing that the body of a class does, and a function never does: looks a name up."""


@dataclass
class Held:
    """Bytes on the heap, in whole blocks, each figure the least that it can be: `code` of the
    functions that stay, `constants`, and `tables` in which the code finds names and constants."""

    code: int = 0
    constants: int = 0
    tables: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.code + self.constants + self.tables


def held_by(data: bytes) -> Held:
    """What a file takes of the heap once it is loaded and has run. Raises ValueError for what is no
    bytecode of version 6."""
    file = _File(data)
    if file.take(2) != b"M\x06" or file.byte() >> 2:
        raise ValueError("no .mpy file of version 6 with bytecode alone")
    file.byte()
    held = Held()
    names, constants = file.number(), file.number()
    for _ in range(names):
        _pass_name(file)
    for _ in range(constants):
        held.constants += _constant(file)
    held.tables = _blocks(2 * names) + _blocks(_WORD * constants)
    # The module's own code has run, and is swept.
    _code(file, held, stays=False)
    if file.at != len(data):
        raise ValueError("bytes after the end of a .mpy file")
    return held


class _File:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, size: int) -> bytes:
        taken = self._data[self.at : self.at + size]
        if len(taken) != size:
            raise ValueError("a .mpy file that is cut short")
        self.at += size
        return taken

    def number(self) -> int:
        """Seven bits in each byte, the highest first."""
        found = 0
        while True:
            byte = self.byte()
            found = found << 7 | byte & 0x7F
            if not byte & 0x80:
                return found


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _pass_name(file: _File) -> None:
    # Names are kept once for all modules, and counted as such (`micropython.qstr_info`).
    size = file.number()
    if not size & 1:
        file.take((size >> 1) + 1)


def _constant(file: _File) -> int:
    """Bytes of one constant, and of what a tuple holds."""
    kind = file.byte()
    if kind in _WITHOUT_BYTES:
        return 0
    size = file.number()
    if kind == _TUPLE:
        return _blocks(2 * _WORD + _WORD * size) + sum(_constant(file) for _ in range(size))
    value = file.take(size)
    if kind in (_TEXT, _BYTES):
        file.byte()
        if not size or (kind == _TEXT and value.decode().isidentifier()):
            # What is a name as well is kept as one.
            return 0
        return BLOCK + _blocks(size + 1)
    # Digits as text; small ones take nothing, large ones an object and their digits.
    return 2 * BLOCK if kind == _WHOLE and size > 9 else 0


def _code(file: _File, held: Held, *, stays: bool) -> None:
    kind_and_size = file.number()
    if kind_and_size & 3:
        raise ValueError("machine code in a .mpy file")
    code = file.take(kind_and_size >> 3)
    children = file.number() if kind_and_size & 4 else 0
    if stays and not _is_body(code):
        held.code += _blocks(len(code))
        held.tables += _blocks(_WORD * children)
    for _ in range(children):
        _code(file, held, stays=True)


def _is_body(code: bytes) -> bool:
    """Whether this is what runs once, when a class is made."""
    file = _File(code)
    # How much stack it needs and how many arguments it takes: of no interest here.
    while file.byte() & 0x80:
        pass
    about, cells, turn = 0, 0, 0
    while True:
        byte = file.byte()
        about |= ((byte & 0x7E) >> 1) << (6 * turn)
        cells |= (byte & 1) << turn
        turn += 1
        if not byte & 0x80:
            break
    file.take(about + cells)
    return file.byte() == _LOAD_NAME
