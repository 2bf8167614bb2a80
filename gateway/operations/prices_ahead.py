"""Which price holds when: what times of use will let follow what, before they do."""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any

from sqlalchemy import Row

from gateway.operations.errors import BadInput
from gateway.settlement import cron
from gateway.store import plans, tariffs
from gateway.store.engine import Store
from gateway.store.plans import Followers

MOST_HOURS = 7 * 24
MOST_CHANGES = 1000
"""How far is looked ahead, at most."""


@dataclass(frozen=True, slots=True)
class Holding:
    """From Unix second `at` on, open channels are to pay by this tariff (its id)."""

    at: int
    tariff: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """Tariffs (their ids) whose channels are to pay by the same prices, and which these are, in
    order: the first holds now."""

    tariffs: list[bytes]
    holds: list[Holding]


@dataclass(frozen=True, slots=True)
class Ahead:
    """What holds between two Unix seconds: a line for each tariff that follows or is followed, now
    or at some time, and the tariffs' rows by their ids."""

    since: int
    until: int
    tariffs: dict[bytes, Row[Any]]
    lines: list[Line]


def ahead(store: Store, hours: int) -> Ahead:
    """Which price holds from now on for so many hours, or until `MOST_CHANGES` have come. Raises
    BadInput."""
    if not 1 <= hours <= MOST_HOURS:
        raise BadInput("hours", f"must be 1 to {MOST_HOURS}")
    with store.read() as conn:
        now = store.now(conn)
        until = now + hours * 3600
        known = {bytes(row.id): row for row in tariffs.listed(conn, active=False)}
        bands = sorted(
            plans.bands(conn),
            key=lambda each: (known[bytes(each.tariff_id)].name, bytes(each.follower_id)),
        )
        changes = list(islice(merge(*(_times(each, now, until) for each in bands)), MOST_CHANGES))
        if len(changes) == MOST_CHANGES:
            until = changes[-1][0]
        followers = Followers(conn)
    concerned = followers.concerned()
    for each in bands:
        concerned |= {bytes(each.tariff_id), bytes(each.follower_id)}
    lines = lines_of(
        sorted(concerned, key=lambda each: (known[each].name, each)), followers, now, changes
    )
    return Ahead(now, until, {each: known[each] for each in concerned}, lines)


def _times(band: Row[Any], after: int, until: int) -> Iterable[tuple[int, bytes, bytes]]:
    """When a band falls due, and what follows what by it."""
    pair = bytes(band.tariff_id), bytes(band.follower_id)
    return ((at, *pair) for at in cron.due_between(band.cron, band.time_zone, after, until))


def lines_of(
    ids: list[bytes],
    followers: Followers,
    now: int,
    changes: Iterable[tuple[int, bytes, bytes]],
) -> list[Line]:
    """The lines of these tariffs, by what follows what at Unix second `now` and by each change
    (when, tariff, follower) after it. Leaves `followers` as they are at the end."""
    holds = {each: [Holding(now, followers.last(each))] for each in ids}
    for at, tariff, follower in changes:
        followers.follow(tariff, follower)
        for each, held in holds.items():
            holding = Holding(at, followers.last(each))
            if held[-1].at == at:
                held.pop()
            if held[-1].tariff != holding.tariff:
                held.append(holding)
    lines: list[Line] = []
    for each, held in holds.items():
        same = next((line for line in lines if line.holds == held), None)
        if same is None:
            lines.append(Line([each], held))
        else:
            same.tariffs.append(each)
    return lines
