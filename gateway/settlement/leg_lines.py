"""Statement lines of an interval in which the price changed: one for each leg in it.

Pure. The interval is posted as one amount; its lines join where the legs begin, each with its own
tariff, and add up to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from protocol.statements import StatementLine, mark_hash


@dataclass(frozen=True, slots=True)
class Begun:
    """Where a leg begins, by its tariff's id, and the IOU that says so (empty at the channel's
    start)."""

    tariff: bytes
    amount: int
    units: int
    iou: bytes


def lines_of(whole: StatementLine, legs: Sequence[Begun]) -> Iterator[StatementLine]:
    """The lines of an interval, given as one `whole` by the tariff of the terms, on a channel of
    these legs. The fee stands with the last, and what it does not hold with those before."""
    tariff, start = whole.tariff, (whole.from_amount, whole.from_units)
    found = []
    for leg in legs:
        if leg.amount <= whole.from_amount:
            tariff = leg.tariff
        elif leg.amount < whole.to_amount:
            if leg.amount > start[0]:
                found.append(_line(whole, tariff, start, (leg.amount, leg.units)))
                found[-1].last = mark_hash(leg.iou)
                start = leg.amount, leg.units
            tariff = leg.tariff
    found.append(_line(whole, tariff, start, (whole.to_amount, whole.to_units)))
    found[0].first, found[-1].last = whole.first, whole.last
    for before, after in pairwise(found):
        after.first = before.last
    fee = whole.fee
    for line in reversed(found):
        line.fee = min(fee, line.to_amount - line.from_amount)
        fee -= line.fee
    yield from found


def _line(
    whole: StatementLine, tariff: bytes, start: tuple[int, int], end: tuple[int, int]
) -> StatementLine:
    return StatementLine(whole.channel, whole.role, start[0], end[0], start[1], end[1], tariff)
