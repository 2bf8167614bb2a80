"""Shapes that several resources share: money, ids in paths, pages and cursors.

Amounts are strings of digits in JSON, since programs that read JSON numbers as doubles would round
them; a JSON integer is taken too.
"""

import base64
import binascii
import re
from typing import Annotated, Generic, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from gateway.operations.errors import BadInput
from gateway.operations.paging import MAX_LIMIT

MAX = 2**63 - 1

T = TypeVar("T")
_NUMBER = re.compile("[0-9]{1,18}")
_PLACE = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})")


def _atomic(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX:
        raise ValueError("must be an integer of atomic units, 0 to 2^63-1, as digits")
    return value


_DIGITS = {
    "anyOf": [
        {"type": "string", "pattern": "^[0-9]{1,19}$"},
        {"type": "integer", "minimum": 0, "maximum": MAX},
    ],
    "description": "Atomic units of the currency (10^-scale of it), 0 to 2^63-1.",
    "examples": ["1234567"],
}
Atomic = Annotated[
    int,
    BeforeValidator(_atomic),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(_DIGITS, mode="validation"),
]
"""An amount in a request."""
AtomicOut = Annotated[
    int,
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^-?[0-9]{1,19}$"}, mode="serialization"),
]
"""An amount in an answer."""


class Body(BaseModel):
    """A request's body: a field that is not known is an error, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Money(BaseModel):
    """`amount` atomic units; one unit of `currency` is 10^scale of them."""

    amount: AtomicOut
    currency: str
    scale: int


class Page(BaseModel, Generic[T]):
    """One page of a list. Pass `next` as `cursor` to get what follows; null ends the list."""

    items: list[T]
    next: str | None


Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most items in one page.")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before.")]
Search = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00]*$",
        description="Part of the name, in any case, or the beginning of the id.",
    ),
]
AccountId = Annotated[str, Path(pattern="^[a-z0-9-]{1,40}$")]
DeviceId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
HexId = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
Run = Annotated[int, Path(ge=1, le=MAX)]


def cursor_of(position: str) -> str:
    """A position in a list as an opaque cursor."""
    return base64.urlsafe_b64encode(b"1" + position.encode()).decode().rstrip("=")


def position_of(cursor: str | None) -> str | None:
    """The position that a cursor stands for, None for the beginning. Raises BadInput."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        if raw[:1] != b"1":
            raise ValueError
        position = raw[1:].decode()
        if not position.isprintable():  # PostgreSQL takes no NUL, and no position has any such
            raise ValueError
        return position
    except (ValueError, binascii.Error):
        raise BadInput("cursor", "must be the `next` of an earlier page") from None


def before_of(cursor: str | None) -> int | None:
    """The number below which a list with the newest first goes on. Raises BadInput."""
    position = position_of(cursor)
    if position is not None and not _NUMBER.fullmatch(position):
        raise BadInput("cursor", "must be the `next` of an earlier page")
    return None if position is None else int(position)


def place_of(cursor: str | None) -> tuple[int, int] | None:
    """The same of a list that is in order of two numbers. Raises BadInput."""
    position = position_of(cursor)
    if position is None:
        return None
    match = _PLACE.fullmatch(position)
    if match is None:
        raise BadInput("cursor", "must be the `next` of an earlier page")
    return int(match[1]), int(match[2])


def slice_of(items: list[tuple[str, T]], cursor: str | None, limit: int) -> Page[T]:
    """A page of a list that is all at hand, in order; each item comes with its key."""
    start = 0
    position = position_of(cursor)
    if position is not None:
        keys = [key for key, _item in items]
        if position not in keys:
            raise BadInput("cursor", "is of a list that has changed; begin again without it")
        start = keys.index(position) + 1
    taken = items[start : start + limit]
    more = start + limit < len(items)
    return Page(
        items=[item for _key, item in taken], next=cursor_of(taken[-1][0]) if more else None
    )
