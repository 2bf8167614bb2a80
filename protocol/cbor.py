"""Deterministic CBOR, the subset that the wire uses (RFC 8949, core deterministic encoding, 4.2.1).

Values: integers 0..2^63-1, bytes, UTF-8 text, lists, and dicts with integer keys.
Everything else is an error in both directions: floats, negative and larger integers, tags, simple
values, indefinite lengths, integers not in their shortest form, unsorted or duplicate keys, bytes
after the end, more than `MAX_DEPTH` levels. So there is exactly one encoding of a value, and a
decoded value encodes to the bytes that it came from.
"""

from protocol import MAX_INT
from protocol.errors import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_DEPTH = 4

_UINT = 0
_BYTES = 2
_TEXT = 3
_ARRAY = 4
_MAP = 5


def head(major: int, number: int) -> bytes:
    """The initial bytes of an item: its major type and its number in the shortest form."""
    kind = major << 5
    if number < 24:
        return bytes((kind | number,))
    if number < 0x100:
        return bytes((kind | 24, number))
    if number < 0x10000:
        return bytes((kind | 25,)) + number.to_bytes(2, "big")
    if number < 0x100000000:
        return bytes((kind | 26,)) + number.to_bytes(4, "big")
    return bytes((kind | 27,)) + number.to_bytes(8, "big")


def encode(value: "Any", depth: int = 1) -> bytes:
    """The one encoding of `value`.

    Raises WireError for a value that the wire has no place for.
    """
    # Compared by exact type: it is faster than isinstance, and keeps booleans out.
    kind = type(value)
    if kind is int:
        return _integer(value)
    if kind is bytes:
        data: bytes = value
        return head(_BYTES, len(data)) + data
    if kind is str:
        text = _utf8(value)
        return head(_TEXT, len(text)) + text
    if depth > MAX_DEPTH:
        raise WireError("cbor", "nested deeper than 4 levels")
    if kind is dict:
        # All keys first: keys of several types can't be sorted.
        keys = {key: _map_key(key) for key in value}
        parts = [head(_MAP, len(value))]
        for key in sorted(value):
            parts.append(keys[key])
            parts.append(encode(value[key], depth + 1))
        return b"".join(parts)
    if kind is list or kind is tuple:
        return head(_ARRAY, len(value)) + b"".join([encode(item, depth + 1) for item in value])
    raise WireError("cbor", "this type has no place on the wire")


_SMALL_KEYS = tuple([bytes((key,)) for key in range(24)])


def encode_numbered(*values: "Any") -> bytes:
    """What `encode` makes of `{1: first, 2: second, ...}` of fewer than 24 values, in half the
    time. Most messages have this form.

    Raises WireError for a value that the wire has no place for.
    """
    parts = [head(_MAP, len(values))]
    for key, value in enumerate(values, 1):
        parts.append(_SMALL_KEYS[key])
        parts.append(encode(value, 2))
    return b"".join(parts)


def _integer(value: int) -> bytes:
    if value < 0 or value > MAX_INT:
        raise WireError("cbor", "an integer must be 0..2^63-1")
    return head(_UINT, value)


def _map_key(key: "Any") -> bytes:
    if type(key) is not int:
        raise WireError("cbor", "a map key must be an unsigned integer")
    return _integer(key)


def decode(data: bytes) -> object:
    """The value that `data` encodes.

    Raises WireError unless `data` is the deterministic encoding of exactly one allowed value.
    """
    value, end = _item(data, 0, 1)
    if end != len(data):
        raise WireError("cbor", "bytes after the end of the value")
    return value


def read_head(data: bytes, at: int) -> tuple[int, int, int]:
    """Major type, number and the offset after them of the item that starts at `at`."""
    if at >= len(data):
        raise WireError("cbor", "the value is cut short")
    first = data[at]
    major = first >> 5
    info = first & 0x1F
    at += 1
    if info < 24:
        return major, info, at
    if info > 27:
        raise WireError("cbor", "indefinite and reserved lengths are not allowed")
    size = 1 << (info - 24)
    if at + size > len(data):
        raise WireError("cbor", "the value is cut short")
    number = int.from_bytes(data[at : at + size], "big")
    if number < 24 or (size > 1 and number >> (4 * size) == 0):
        raise WireError("cbor", "an integer is not in its shortest form")
    return major, number, at + size


def _item(data: bytes, at: int, depth: int) -> tuple[object, int]:
    major, number, at = read_head(data, at)
    if major == _UINT:
        if number > MAX_INT:
            raise WireError("cbor", "an integer must be 0..2^63-1")
        return number, at
    if major == _BYTES or major == _TEXT:
        end = at + number
        if end > len(data):
            raise WireError("cbor", "the value is cut short")
        raw = bytes(data[at:end])
        return (raw if major == _BYTES else _text(raw)), end
    if major != _ARRAY and major != _MAP:
        raise WireError("cbor", "this type has no place on the wire")
    if depth > MAX_DEPTH:
        raise WireError("cbor", "nested deeper than 4 levels")
    if number > len(data) - at:
        # Each element takes at least one byte: a longer claim can't be true, so build nothing.
        raise WireError("cbor", "the value is cut short")
    if major == _ARRAY:
        return _array(data, at, number, depth)
    return _map(data, at, number, depth)


def _text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeError:
        raise WireError("cbor", "text must be UTF-8") from None
    _check_text(text, len(raw))
    return text


def _utf8(text: str) -> bytes:
    try:
        raw: bytes = text.encode()
    except UnicodeError:
        raise WireError("cbor", "text must be UTF-8") from None
    _check_text(text, len(raw))
    return raw


def _check_text(text: str, size: int) -> None:
    """That these characters may stand in UTF-8 (RFC 3629) and fill `size` bytes in their shortest
    forms. CPython has checked that by itself; MicroPython lets surrogates, longer forms and
    numbers beyond Unicode pass."""
    if len(text) == size:
        return
    shortest = 0
    for character in text:
        number = ord(character)
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            raise WireError("cbor", "text must be UTF-8")
        shortest += 1 + (number >= 0x80) + (number >= 0x800) + (number >= 0x10000)
    if shortest != size:
        raise WireError("cbor", "text must be UTF-8")


def _array(data: bytes, at: int, count: int, depth: int) -> tuple[object, int]:
    items = []
    for _ in range(count):
        item, at = _item(data, at, depth + 1)
        items.append(item)
    return items, at


def _map(data: bytes, at: int, count: int, depth: int) -> tuple[object, int]:
    result: dict[int, object] = {}
    previous = -1
    for _ in range(count):
        major, key, at = read_head(data, at)
        if major != _UINT or key > MAX_INT:
            raise WireError("cbor", "a map key must be an unsigned integer")
        if key <= previous:
            raise WireError("cbor", "map keys must be unique and in ascending order")
        previous = key
        result[key], at = _item(data, at, depth + 1)
    return result, at
