"""Use cases on webhooks: where events are sent, with which secret, and sending some again."""

import secrets
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from gateway.operations.errors import BadInput
from gateway.operations.paging import Page, one_page
from gateway.sealing import NotReadable
from gateway.store import audit, events, webhooks
from gateway.store.engine import Store
from gateway.store.errors import Conflict
from gateway.store.tables_webhooks import Webhook
from gateway.webhooks import signature
from gateway.webhooks.address import BadAddress, Resolve, address_of, parse, resolved
from gateway.webhooks.deliver import body_of, wanted
from gateway.webhooks.secret import is_plain, kept, told

OVERLAP_S = 86_400
"""Seconds for which the old secret signs too, after another was made."""
MOST_REPLAYED = 1_000


def add(
    store: Store,
    key: bytes,
    url: str,
    kinds: Collection[str] = (),
    *,
    loopback: bool = False,
    resolve: Resolve = resolved,
) -> tuple[Row[Any], str]:
    """Send events to a URL from now on, those of these kinds or all; the webhook and its secret,
    which nobody can be told again and is kept sealed under `key`. `loopback` is for this machine's
    own addresses, and no others.

    Raises BadInput, Conflict if there are too many.
    """
    try:
        # Before the transaction: a resolver takes its time.
        address_of(parse(url, loopback=loopback), resolve)
    except BadAddress as error:
        raise BadInput("url", str(error)) from None
    unknown = set(kinds) - set(events.KINDS)
    if unknown:
        raise BadInput("kinds", f"there are no events of the kind {min(unknown)}")
    id_, secret = secrets.token_hex(6), signature.new_secret()
    with store.write() as conn:
        if webhooks.count(conn) >= webhooks.MOST:
            raise Conflict(f"webhooks: there are {webhooks.MOST}, remove one first")
        new = Webhook(
            id=id_,
            url=url,
            kinds=" ".join(sorted(set(kinds))),
            loopback=loopback,
            sealed=kept(key, id_, secret),
            position=events.newest(conn),
            made_by=store.by,
            created_at=store.now(conn),
        )
        webhooks.add(conn, new)
        after = {"url": url, "kinds": new.kinds, "loopback": loopback}
        audit.record(conn, "webhook.add", id_, after=after)
        return webhooks.get(conn, id_), secret


def listed(store: Store) -> Sequence[Row[Any]]:
    """All webhooks, the oldest first."""
    with store.read() as conn:
        return webhooks.listed(conn)


def remove(store: Store, id_: str) -> None:
    """Send nothing more to a webhook. Raises NotFound."""
    with store.write() as conn:
        before = {"url": webhooks.locked(conn, id_).url}
        webhooks.remove(conn, id_)
        audit.record(conn, "webhook.remove", id_, before=before)


def rotate(store: Store, key: bytes, id_: str) -> tuple[Row[Any], str]:
    """Another secret, told this once; the old one signs too for a day, if it can be read. Raises
    NotFound."""
    secret = signature.new_secret()
    with store.write() as conn:
        row = webhooks.locked(conn, id_)
        readable = _readable(key, row)
        until = store.now(conn) + OVERLAP_S if readable else None
        webhooks.change(
            conn,
            id_,
            sealed=kept(key, id_, secret),
            old_sealed=row.sealed if readable else None,
            old_until=until,
        )
        audit.record(conn, "webhook.rotate", id_, after={"old_until": until})
        return webhooks.get(conn, id_), secret


def _readable(key: bytes, row: Row[Any]) -> bool:
    """Whether a webhook's secret was kept under this key."""
    try:
        told(key, row.id, row.sealed)
    except NotReadable:
        return False
    return True


def unreadable(conn: Connection, key: bytes) -> list[str]:
    """The webhooks whose secret was kept under another key: nothing can be sent to them."""
    return [row.id for row in webhooks.listed(conn) if not _readable(key, row)]


def seal_plain(store: Store, key: bytes) -> None:
    """Seal the secrets that stand in the database as they were kept before they were sealed."""
    with store.read() as conn:
        if not any(map(_plain, webhooks.listed(conn))):
            return
    with store.write() as conn:
        for row in webhooks.listed(conn):
            webhooks.locked(conn, row.id)
            for column in _plain(row):
                sealed = kept(key, row.id, getattr(row, column))
                webhooks.change(conn, row.id, **{column: sealed})


def _plain(row: Row[Any]) -> list[str]:
    """The columns of a webhook that hold a secret as it is."""
    return [each for each in ("sealed", "old_sealed") if is_plain(getattr(row, each) or "")]


def enable(store: Store, id_: str) -> Row[Any]:
    """Send to a webhook again that was disabled, what waits first. Raises NotFound."""
    with store.write() as conn:
        before = {"state": webhooks.locked(conn, id_).state}
        webhooks.change(conn, id_, state="enabled", failing_since=None)
        audit.record(conn, "webhook.enable", id_, before=before, after={"state": "enabled"})
        return webhooks.get(conn, id_)


def replay(store: Store, id_: str, first: int, last: int) -> int:
    """Send the events with ids from `first` to `last` again, or for the first time, as far as they
    are kept and the webhook wants them; how many. Raises NotFound, BadInput."""
    if not 0 < first <= last or last - first >= MOST_REPLAYED:
        raise BadInput("last", f"must not be below first, and {MOST_REPLAYED} events at most")
    with store.write() as conn:
        row = webhooks.locked(conn, id_)
        found = [
            (int(each.id), body_of(each))
            for each in events.after(conn, first - 1, MOST_REPLAYED)
            if each.id <= last and wanted(row.kinds, each.kind)
        ]
        webhooks.queue(conn, id_, found, store.now(conn))
        after = {"first": first, "last": last, "events": len(found)}
        audit.record(conn, "webhook.replay", id_, after=after)
        return len(found)


def deliveries(
    store: Store, id_: str, *, before: int | None = None, limit: int = 100
) -> Page[Row[Any]]:
    """What was sent to a webhook, or waits, the newest event first. Raises NotFound, BadInput."""
    with store.read() as conn:
        webhooks.get(conn, id_)
        return one_page(
            lambda count: webhooks.deliveries(conn, id_, before=before, limit=count), limit
        )
