"""One page of a list, and where the next one begins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Row

from gateway.operations.errors import BadInput

T = TypeVar("T")
MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """At most `limit` items; `more` says whether others follow the last of them."""

    items: Sequence[T]
    more: bool


def one_page(fetch: Callable[[int], Sequence[Row[Any]]], limit: int) -> Page[Row[Any]]:
    """`limit` (1..1000) rows of a query that takes a limit. Raises BadInput."""
    if not 1 <= limit <= MAX_LIMIT:
        raise BadInput("limit", f"must be 1 to {MAX_LIMIT}")
    rows = fetch(limit + 1)
    return Page(rows[:limit], len(rows) > limit)
