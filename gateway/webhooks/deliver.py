"""Delivering events to webhooks, each at least once, in order as far as all goes well.

An event is queued for each webhook that wants it, then sent until it is taken, ever less often. A
webhook that takes nothing for days is disabled, and that is an event.
"""

import json
import random
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from gateway.sealing import NotReadable
from gateway.store import events, webhooks
from gateway.store.engine import Store
from gateway.store.errors import NotFound
from gateway.webhooks import signature
from gateway.webhooks.address import BadAddress, Resolve, address_of, parse, resolved
from gateway.webhooks.secret import told
from gateway.webhooks.send import TOTAL_SECONDS, SendError, post

log = structlog.get_logger(__name__)

FIRST_PAUSE_S = 5
LONGEST_PAUSE_S = 6 * 3600
DISABLED_AFTER_S = 3 * 86_400
"""Seconds for which every attempt must have failed before a webhook is disabled."""
_ATTEMPTS = 30
_AT_ONCE = 500
_PARALLEL = 8
_GONE = 410
_LOST = "its secret was kept under another key; rotate it"


def body_of(row: Row[Any]) -> str:
    """An event as it is sent."""
    return json.dumps(
        {
            "type": row.kind,
            "timestamp": row.at,
            "data": {
                "id": int(row.id),
                "level": row.level,
                "subject": row.subject,
                "account_id": row.account_id,
                **json.loads(row.data),
            },
        }
    )


def wanted(kinds: str, kind: str) -> bool:
    """Whether a webhook with these kinds is sent events of this one."""
    return not kinds or kind in kinds.split()


@dataclass
class Deliverer:
    """Sends what waits, signed by secrets that are sealed under `key`. `context` is how TLS is
    spoken, `chance` gives 0 to 1."""

    store: Store
    key: bytes = field(repr=False)
    resolve: Resolve = resolved
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    chance: Callable[[], float] = random.random
    total: float = TOTAL_SECONDS

    def step(self) -> bool:
        """Queue what is new and send what is due; whether there may be more at once."""
        more = self._queue()
        with self.store.read() as conn:
            rows = webhooks.due(conn, self.store.now(conn), _PARALLEL)
        if rows:
            with ThreadPoolExecutor(len(rows), "webhook") as pool:
                list(pool.map(self._deliver, rows))
        return more or bool(rows)

    def _queue(self) -> bool:
        with self.store.read() as conn:
            newest = events.newest(conn)
            behind = [
                row.id
                for row in webhooks.listed(conn)
                if row.state == "enabled" and row.position < newest
            ]
        for id_ in behind:
            with self.store.write() as conn:
                self._queue_for(conn, id_)
        return bool(behind)

    def _queue_for(self, conn: Connection, id_: str) -> None:
        try:
            row = webhooks.locked(conn, id_)
        except NotFound:  # removed meanwhile
            return
        rows = events.after(conn, row.position, _AT_ONCE)
        if not rows:
            webhooks.change(conn, id_, position=events.newest(conn))
            return
        found = [(int(each.id), body_of(each)) for each in rows if wanted(row.kinds, each.kind)]
        webhooks.queue(conn, id_, found, self.store.now(conn))
        webhooks.change(conn, id_, position=int(rows[-1].id))

    def _deliver(self, row: Row[Any]) -> None:
        with self.store.read() as conn:
            now = self.store.now(conn)
        try:
            status = self._send(row, now)
            said, good = f"answered {status}", 200 <= status < 300
        except (BadAddress, SendError) as error:
            said, good, status = str(error), False, 0
        except NotReadable:
            said, good, status = _LOST, False, 0
        with self.store.write() as conn:
            self._note(conn, row, good, said, gone=status == _GONE)

    def _send(self, row: Row[Any], now: int) -> int:
        target = parse(row.url, loopback=row.loopback)
        address = address_of(target, self.resolve)
        body = row.body.encode()
        secrets = [told(self.key, row.webhook_id, row.sealed)]
        if row.old_sealed is not None and row.old_until > now:
            secrets.append(told(self.key, row.webhook_id, row.old_sealed))
        headers = signature.headers(secrets, f"event-{row.event_id}", now, body)
        headers |= {"Content-Type": "application/json", "User-Agent": "tallystick"}
        return post(target, address, headers, body, self.context, self.total)

    def _note(self, conn: Connection, row: Row[Any], good: bool, said: str, *, gone: bool) -> None:
        now = self.store.now(conn)
        try:
            hook = webhooks.locked(conn, row.webhook_id)
        except NotFound:
            return
        if good:
            webhooks.note_attempt(conn, row, "delivered", said, now, now)
            webhooks.change(conn, hook.id, failing_since=None)
            return
        log.warning(
            "a webhook did not take an event", webhook=hook.id, event_id=row.event_id, why=said
        )
        last = row.attempts + 1 >= _ATTEMPTS
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(row.attempts, 20))
        next_at = now + int(pause * (0.75 + 0.5 * self.chance()))
        webhooks.note_attempt(conn, row, "failed" if last else "waiting", said, now, next_at)
        since = now if hook.failing_since is None else int(hook.failing_since)
        webhooks.change(conn, hook.id, failing_since=since)
        if hook.state == "enabled" and (gone or now - since >= DISABLED_AFTER_S):
            webhooks.change(conn, hook.id, state="disabled")
            events.note(conn, "webhook.disabled", hook.id, said=said, failing_since=since)
