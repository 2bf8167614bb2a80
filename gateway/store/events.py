"""Events: what happened, for people and for other programs.

`note` belongs in the transaction that makes something so; the event is there if that commits, and
else is not. Nothing secret, and nobody's bank account, may stand in one: they leave the house.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, text

from gateway.store import last
from gateway.store.tables import Base
from gateway.store.tables_events import Event as _Event  # noqa: F401  (registers the table)

event = Base.metadata.tables["event"]

KINDS = {
    "account.erased": "info",
    "account.erasure_rejected": "info",
    "account.erasure_requested": "action",
    "account.low_funds": "warning",
    "booking.assigned": "info",
    "booking.unmatched": "action",
    "broker.connected": "info",
    "broker.lost": "warning",
    "channel.closed": "info",
    "channel.frozen": "action",
    "channel.opened": "info",
    "channel.thawed": "info",
    "channel.topped_up": "info",
    "deposit.recorded": "info",
    "device.offline": "warning",
    "device.online": "info",
    "device.registered": "info",
    "device.resumed": "info",
    "device.revoked": "info",
    "device.suspended": "info",
    "device.suspicious": "warning",
    "gateway.fence_lifted": "info",
    "gateway.fenced": "action",
    "gateway.suspicious": "warning",
    "instruction.done": "info",
    "instruction.failed": "warning",
    "instruction.returned": "warning",
    "payout_account.active": "info",
    "payout_account.proposed": "action",
    "payout_account.rejected": "info",
    "payout_account.retired": "info",
    "rail.failed": "warning",
    "rail.recovered": "info",
    "reversal.posted": "info",
    "reversal.proposed": "action",
    "reversal.rejected": "info",
    "run.approved": "info",
    "run.awaiting_approval": "action",
    "run.completed": "info",
    "run.instructed": "info",
    "run.posted": "info",
    "run.rejected": "info",
    "webhook.disabled": "action",
    "withdrawal.approved": "info",
    "withdrawal.rejected": "info",
    "withdrawal.requested": "action",
}
"""Every kind of event, and its level: `action` for what waits for a person, `warning` for what a
person should know of, `info` for everything else."""

PER_GENERATION = 10**12
"""Ids of a generation start above this many for each one before it: readers have seen ids of a
database that was lost, which must never come again. Below 2^53 for 9,000 generations, so that
programs that know no other numbers than doubles read them right."""

_LAST = text(f"SELECT CAST(value AS BIGINT) FROM meta WHERE key = '{last.LOCK}'")  # noqa: S608
_SET_LAST = text(f"UPDATE meta SET value = :value WHERE key = '{last.LOCK}'")  # noqa: S608


def note(
    conn: Connection, kind: str, subject: str, account_id: str | None = None, **data: object
) -> None:
    """Note in a write transaction that something happened: one of KINDS, to what has this id.

    `account_id` is whose affair it is, None if the gateway's alone. `data` is JSON with amounts as
    digits.
    """
    row = {
        "kind": kind,
        "level": KINDS[kind],
        "subject": subject,
        "account_id": account_id,
        "data": json.dumps(data, sort_keys=True),
    }
    last.keep(conn, _write, row)


def _write(conn: Connection, at: int, rows: list[dict[str, Any]]) -> None:
    first = newest(conn) + 1
    numbered = [{"id": first + place, "at": at, **row} for place, row in enumerate(rows)]
    conn.execute(insert(event), numbered)
    conn.execute(_SET_LAST, {"value": str(first + len(rows) - 1)})


def count_above(conn: Connection, least: int) -> None:
    """Let the next event's id be above `least`, and above all before."""
    conn.execute(_SET_LAST, {"value": str(max(newest(conn), least))})


def newest(conn: Connection) -> int:
    """The id of the last event, also if it is deleted by now; 0 if there never was one."""
    return int(conn.execute(_LAST).scalar_one())


def oldest(conn: Connection) -> int:
    """The id of the first event that is kept; above `newest` if none is."""
    found = conn.execute(select(func.min(event.c.id))).scalar_one()
    return newest(conn) + 1 if found is None else int(found)


def after(conn: Connection, id_: int, limit: int) -> Sequence[Row[Any]]:
    """At most `limit` events above an id, in order."""
    query = select(event).where(event.c.id > id_).order_by(event.c.id).limit(limit)
    return conn.execute(query).all()


def page(
    conn: Connection,
    *,
    before: int | None = None,
    limit: int = 100,
    kind: str | None = None,
    level: str | None = None,
    subject: str | None = None,
    account_id: str | None = None,
) -> Sequence[Row[Any]]:
    """At most `limit` events, the newest first, with ids below `before`."""
    query = select(event)
    if before is not None:
        query = query.where(event.c.id < before)
    for column, value in (
        (event.c.kind, kind),
        (event.c.level, level),
        (event.c.subject, subject),
        (event.c.account_id, account_id),
    ):
        if value is not None:
            query = query.where(column == value)
    return conn.execute(query.order_by(event.c.id.desc()).limit(limit)).all()


def holds(conn: Connection, begun: str, over: str, subject: str) -> bool:
    """Whether an event of the kind `begun` of this subject is kept, and none of `over` after it."""
    first, last_ = (page(conn, limit=1, kind=kind, subject=subject) for kind in (begun, over))
    return bool(first) and (not last_ or last_[0].id < first[0].id)


def prune(conn: Connection, before: int, limit: int) -> int:
    """Delete at most `limit` events from before this Unix second, the oldest; how many."""
    old = select(event.c.id).where(event.c.at < before).order_by(event.c.id).limit(limit)
    return conn.execute(delete(event).where(event.c.id.in_(old))).rowcount
