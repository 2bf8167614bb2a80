"""By which price each part of a channel was counted."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import Row

from gateway.store import channels, legs, tariffs
from gateway.store.engine import Store


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a channel that one tariff prices: from one mark, as (amount, units), to the next
    leg's or the last. `number` is the leg's, 0 for the tariff of the terms; `at` when it began."""

    number: int
    tariff: Row[Any]
    at: int
    start: tuple[int, int]
    end: tuple[int, int]


def of_channel(store: Store, id_: bytes) -> list[Span]:
    """A channel's parts, in their order. Raises NotFound."""
    with store.read() as conn:
        row = channels.get(conn, id_)
        begun = [(0, bytes(row.tariff_id), row.opened_at, (0, 0))]
        begun += [
            (each.number, bytes(each.tariff_id), each.at, (each.amount, each.units))
            for each in legs.of(conn, id_)
        ]
        ends = [after[3] for _before, after in pairwise(begun)] + [(row.amount, row.units)]
        return [
            Span(number, tariffs.get(conn, tariff), at, start, end)
            for (number, tariff, at, start), end in zip(begun, ends, strict=True)
        ]
