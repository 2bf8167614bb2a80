"""Queries on webhooks and their deliveries. Rows have sealed secrets in them, which nobody is
shown."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from gateway.store.errors import NotFound
from gateway.store.tables import Base
from gateway.store.tables_webhooks import Delivery as _Delivery  # noqa: F401  (its table)
from gateway.store.tables_webhooks import Webhook

webhook = Base.metadata.tables["webhook"]
delivery = Base.metadata.tables["delivery"]

MOST = 50
"""Webhooks of one gateway."""


def add(conn: Connection, new: Webhook) -> None:
    """Store a webhook."""
    conn.execute(insert(webhook).values(**new.model_dump()))


def count(conn: Connection) -> int:
    """How many there are."""
    return int(conn.execute(select(func.count()).select_from(webhook)).scalar_one())


def listed(conn: Connection) -> Sequence[Row[Any]]:
    """All webhooks, the oldest first."""
    return conn.execute(select(webhook).order_by(webhook.c.created_at, webhook.c.id)).all()


def get(conn: Connection, id_: str) -> Row[Any]:
    """One webhook. Raises NotFound."""
    row = conn.execute(select(webhook).where(webhook.c.id == id_)).one_or_none()
    if row is None:
        raise NotFound(f"webhook {id_}: unknown")
    return row


def locked(conn: Connection, id_: str) -> Row[Any]:
    """One webhook, which no other transaction changes until this one ends. Raises NotFound."""
    conn.execute(select(webhook.c.id).where(webhook.c.id == id_).with_for_update()).one_or_none()
    return get(conn, id_)


def change(conn: Connection, id_: str, **values: object) -> None:
    """Change a webhook's columns."""
    conn.execute(update(webhook).where(webhook.c.id == id_).values(**values))


def remove(conn: Connection, id_: str) -> None:
    """Delete a webhook and its deliveries. Raises NotFound."""
    locked(conn, id_)
    conn.execute(delete(delivery).where(delivery.c.webhook_id == id_))
    conn.execute(delete(webhook).where(webhook.c.id == id_))


def queue(conn: Connection, id_: str, bodies: Sequence[tuple[int, str]], at: int) -> None:
    """Let these events, each with its body, be sent from Unix second `at` on, also again."""
    for event_id, body in bodies:
        same = (delivery.c.webhook_id == id_, delivery.c.event_id == event_id)
        values = {"state": "waiting", "body": body, "attempts": 0, "next_at": at}
        if conn.execute(update(delivery).where(*same).values(**values)).rowcount == 0:
            conn.execute(insert(delivery).values(webhook_id=id_, event_id=event_id, **values))


def due(conn: Connection, now: int, limit: int) -> Sequence[Row[Any]]:
    """Of each enabled webhook the delivery that has waited longest, if it is due; with what is
    needed to send it. At most `limit`."""
    first = (
        select(delivery.c.webhook_id, func.min(delivery.c.event_id).label("event_id"))
        .join(webhook, webhook.c.id == delivery.c.webhook_id)
        .where(
            delivery.c.state == "waiting", delivery.c.next_at <= now, webhook.c.state == "enabled"
        )
        .group_by(delivery.c.webhook_id)
        .limit(limit)
        .subquery()
    )
    query = (
        select(
            delivery,
            webhook.c.url,
            webhook.c.loopback,
            webhook.c.sealed,
            webhook.c.old_sealed,
            webhook.c.old_until,
        )
        .join(webhook, webhook.c.id == delivery.c.webhook_id)
        .join(
            first,
            (first.c.webhook_id == delivery.c.webhook_id)
            & (first.c.event_id == delivery.c.event_id),
        )
    )
    return conn.execute(query).all()


def note_attempt(
    conn: Connection, row: Row[Any], state: str, said: str, at: int, next_at: int
) -> None:
    """Note what came of an attempt."""
    conn.execute(
        update(delivery)
        .where(delivery.c.webhook_id == row.webhook_id, delivery.c.event_id == row.event_id)
        .values(state=state, attempts=row.attempts + 1, said=said, at=at, next_at=next_at)
    )


def deliveries(
    conn: Connection, id_: str, *, before: int | None = None, limit: int = 100
) -> Sequence[Row[Any]]:
    """At most `limit` of a webhook's, the newest event first, with events below `before`."""
    query = select(delivery).where(delivery.c.webhook_id == id_)
    if before is not None:
        query = query.where(delivery.c.event_id < before)
    return conn.execute(query.order_by(delivery.c.event_id.desc()).limit(limit)).all()


def prune(conn: Connection, below: int) -> None:
    """Forget the deliveries of events with ids below this, unless they still wait."""
    conn.execute(delete(delivery).where(delivery.c.event_id < below, delivery.c.state != "waiting"))
