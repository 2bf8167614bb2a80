"""When a schedule falls due: five fields of cron, in a time zone.

As Debian's cron has it: where a clock is put forward, what would have been in the hour that is left
out is due at its end; where it is put back, what names an hour is due once.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

_FIELDS = 5
_SPANS = (3_600, 86_400, 32 * 86_400, 366 * 86_400)


def check(cron: str) -> None:
    """Raise ValueError unless this is five fields of cron."""
    try:
        if len(cron.split()) != _FIELDS:
            raise CronSimError("Wrong number of fields")
        CronSim(cron, datetime.now(UTC))
    except CronSimError as error:
        raise ValueError(
            f"must be five fields: minute hour day month weekday, such as '0 2 * * *' ({error})"
        ) from None


def check_zone(name: str) -> None:
    """Raise ValueError unless there is such a time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone such as Europe/Berlin, or UTC") from None


def next_due(cron: str, zone: str, after: int) -> int | None:
    """The first time after Unix second `after`, in Unix seconds; None if there is none in the next
    decades. Both texts must have been checked."""
    return next(_times(cron, zone, after), None)


def last_due(cron: str, zone: str, after: int, until: int) -> int | None:
    """The last time after Unix second `after` that is not after `until`; None if there is none."""
    # By spans that grow, since a year has half a million minutes, of which each may be a time.
    for span in (*_SPANS, until - after):
        start = max(after, until - span)
        found = max(due_between(cron, zone, start, until), default=None)
        if found is not None or start == after:
            return found
    return None


def due_between(cron: str, zone: str, after: int, until: int) -> Iterator[int]:
    """Each time after Unix second `after` that is not after `until`, in their order."""
    return takewhile(lambda second: second <= until, _times(cron, zone, after))


def counts_from(cron: str, zone: str, served: int, now: int) -> int:
    """The Unix second after which times are still to be served, at Unix second `now`, if the last
    one that was served, or the moment when there was a schedule first, is `served`.

    That lies in the future only if the clock was ahead then, and has been set right. Times count
    anew from now on; but if the next of them is the one that was served, it has been.
    """
    if served <= now or next_due(cron, zone, now) == served:
        return served
    return now


def _times(cron: str, zone: str, after: int) -> Iterator[int]:
    times = CronSim(cron, datetime.fromtimestamp(after, ZoneInfo(zone)))
    # Within an hour that a clock shows twice, the first that is found may be of its first showing.
    return (second for each in times if (second := int(each.timestamp())) > after)
