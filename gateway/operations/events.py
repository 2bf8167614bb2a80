"""Use cases on events: what has happened, for people who look back."""

from typing import Any

from sqlalchemy import Row

from gateway.operations.errors import BadInput
from gateway.operations.paging import Page, one_page
from gateway.store import events, webhooks
from gateway.store.engine import Store
from gateway.store.tables_events import LEVELS

_PRUNED_AT_ONCE = 1_000
_RAIL = ("rail.failed", "rail.recovered")


def page(
    store: Store,
    *,
    before: int | None = None,
    limit: int = 100,
    kind: str | None = None,
    level: str | None = None,
    **which: str | None,
) -> Page[Row[Any]]:
    """Events, the newest first; only those with ids below `before`, and as `store.events.page`
    says. Raises BadInput."""
    if kind is not None and kind not in events.KINDS:
        raise BadInput("kind", "there are no events of this kind")
    if level is not None and level not in LEVELS:
        raise BadInput("level", f"must be one of {', '.join(LEVELS)}")
    given = {"kind": kind, "level": level, **which}
    with store.read() as conn:
        return one_page(lambda count: events.page(conn, before=before, limit=count, **given), limit)


def prune(store: Store, kept_s: int) -> int:
    """Delete what is older than `kept_s` seconds, in short transactions; how many there were."""
    total = 0
    while True:
        with store.write() as conn:
            count = events.prune(conn, store.now(conn) - kept_s, _PRUNED_AT_ONCE)
            webhooks.prune(conn, events.oldest(conn))
        total += count
        if count < _PRUNED_AT_ONCE:
            return total


def note_rail(store: Store, rail: str, *, failing: bool) -> None:
    """Note that a rail fails, or serves, if that is news."""
    with store.read() as conn:
        if events.holds(conn, *_RAIL, rail) == failing:
            return
    with store.write() as conn:
        if events.holds(conn, *_RAIL, rail) != failing:
            events.note(conn, _RAIL[0] if failing else _RAIL[1], rail)
