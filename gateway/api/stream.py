"""Events as they happen, to whoever watches: one reader of the database for all of them.

The reader works only while there is a watcher. A watcher that does not keep up is sent away, and
takes up again where it was by the id of the last event that it has seen: events are on disk, and
nothing is lost by losing a connection.
"""

import asyncio
import json
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from typing import Any

import structlog
from anyio import to_thread
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from gateway.api.pulse import Pulse
from gateway.metrics import Metrics
from gateway.store import events
from gateway.store.engine import Store

log = structlog.get_logger(__name__)

MOST = 256
"""Watchers at once."""
MOST_OF_ONE = 16
"""Watchers at once that are one principal."""
LASTS_SECONDS = 60.0
"""How long a stream lasts, before whoever watches has to show anew that they may."""
_LOOK_SECONDS = 0.25
_PULSE_SECONDS = 1.0
_KEEP_ALIVE_SECONDS = 15.0
_MOST_WAITING = 1_000
_AT_ONCE = 500

_KEEP_ALIVE = b": still here\n\n"


class TooMany(Exception):
    """No further watcher is taken; `of_one` if this principal has too many, else there are too many
    in all."""

    def __init__(self, *, of_one: bool) -> None:
        super().__init__("too many streams")
        self.of_one = of_one


class _Watcher:
    """Whose it is, what waits for it, and whether it has been sent away."""

    def __init__(self, principal: str, accounts: Collection[str] | None) -> None:
        self.principal = principal
        self._accounts = accounts
        self.waiting: deque[tuple[int, bytes]] = deque()
        self.pulse = b""
        self.gone = False
        self.woken = asyncio.Event()

    def may_see(self, row: Row[Any]) -> bool:
        return self._accounts is None or row.account_id in self._accounts

    def offer(self, row: Row[Any], message: bytes) -> None:
        if not self.may_see(row):
            return
        if len(self.waiting) >= _MOST_WAITING:
            self.send_away()
            return
        self.waiting.append((int(row.id), message))
        self.woken.set()

    def beat(self, message: bytes) -> None:
        """The last pulse replaces one that was not taken; it is of the whole house."""
        if self._accounts is None:
            self.pulse = message
            self.woken.set()

    def send_away(self) -> None:
        self.gone = True
        self.waiting.clear()
        self.woken.set()


class Stream:
    """All watchers of one process, and their reader. For the event loop of one server."""

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        lasts: float = LASTS_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._pulse = Pulse(store, metrics)
        self._lasts = lasts
        self._clock = clock
        self._watchers: set[_Watcher] = set()
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._position = 0
        self._closed = False

    def close(self) -> None:
        """Send every watcher away, and take no other: the server ends."""
        self._closed = True
        for each in self._watchers:
            each.send_away()

    def check_room(self, principal: str) -> None:
        """Raises TooMany if there is no room for a further watcher of this principal."""
        if sum(each.principal == principal for each in self._watchers) >= MOST_OF_ONE:
            raise TooMany(of_one=True)
        if len(self._watchers) >= MOST or self._closed:
            raise TooMany(of_one=False)

    async def watch(
        self,
        principal: str,
        after: int | None,
        accounts: Collection[str] | None = None,
        left: float = math.inf,
    ) -> AsyncGenerator[bytes]:
        """The stream, as text/event-stream: what is above the id `after` and kept (None: nothing of
        the past), then what happens, for so long as a stream lasts, and at most `left` seconds.

        `accounts` are those whose affairs may be seen, None for all and the gateway's own.
        """
        watcher = _Watcher(principal, accounts)
        until = self._clock() + min(self._lasts, left)
        # Before the past is read, so that nothing falls between it and what is read live.
        now = await self._join(watcher)
        try:
            seen = now if after is None else after
            yield f"id: {seen}\nretry: 1000\n\n".encode()
            if after is not None:
                async for id_, message in self._past(watcher, after):
                    seen = id_
                    yield message
            async for message in self._live(watcher, seen, until):
                yield message
        finally:
            self._watchers.discard(watcher)

    async def _join(self, watcher: _Watcher) -> int:
        """Let the reader serve this watcher too; the id above which it does."""
        async with self._starting:
            if self._reader is None or self._reader.done():
                self._position = await to_thread.run_sync(self._newest)
                self._reader = asyncio.create_task(self._read())
            self._watchers.add(watcher)
            return self._position

    async def _past(self, watcher: _Watcher, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        oldest, rows = await to_thread.run_sync(self._kept, after)
        if after < oldest - 1:
            lost = json.dumps({"after": after, "kept_from": oldest})
            yield after, f"event: gap\ndata: {lost}\n\n".encode()
        while rows:
            for row in rows:
                if watcher.may_see(row):
                    yield int(row.id), _message(row)
            after = int(rows[-1].id)
            _oldest, rows = await to_thread.run_sync(self._kept, after)

    async def _live(self, watcher: _Watcher, seen: int, until: float) -> AsyncGenerator[bytes]:
        while not watcher.gone:
            watcher.woken.clear()
            while watcher.waiting:
                id_, message = watcher.waiting.popleft()
                if id_ > seen:
                    yield message
            if watcher.pulse:
                pulse, watcher.pulse = watcher.pulse, b""
                yield pulse
            left = until - self._clock()
            if left <= 0:
                return
            try:
                await asyncio.wait_for(watcher.woken.wait(), min(left, _KEEP_ALIVE_SECONDS))
            except TimeoutError:
                yield _KEEP_ALIVE

    async def _read(self) -> None:
        """Serve the watchers for as long as there are any."""
        self._pulse.forget()
        next_pulse = self._clock()
        while self._watchers:
            try:
                rows = await to_thread.run_sync(self._new)
                if self._clock() >= next_pulse:
                    next_pulse += _PULSE_SECONDS
                    self._beat(await to_thread.run_sync(self._pulse.beat))
            except SQLAlchemyError as error:
                # Nothing is lost: what was not read is still there.
                log.warning("events can't be read, trying again", error=type(error).__name__)
                rows = []
                next_pulse = self._clock() + _PULSE_SECONDS
            for row in rows:
                message = _message(row)
                for each in self._watchers:
                    each.offer(row, message)
                self._position = int(row.id)
            if len(rows) < _AT_ONCE:
                await asyncio.sleep(_LOOK_SECONDS)

    def _beat(self, figures: dict[str, Any]) -> None:
        message = f"event: pulse\ndata: {json.dumps(figures)}\n\n".encode()
        for each in self._watchers:
            each.beat(message)

    def _newest(self) -> int:
        with self._store.read() as conn:
            return events.newest(conn)

    def _new(self) -> Sequence[Row[Any]]:
        with self._store.read() as conn:
            return events.after(conn, self._position, _AT_ONCE)

    def _kept(self, after: int) -> tuple[int, Sequence[Row[Any]]]:
        with self._store.read() as conn:
            return events.oldest(conn), events.after(conn, after, _AT_ONCE)


def of_row(row: Row[Any]) -> dict[str, Any]:
    """An event as JSON."""
    return {
        "id": int(row.id),
        "at": int(row.at),
        "kind": row.kind,
        "level": row.level,
        "subject": row.subject,
        "account_id": row.account_id,
        "data": json.loads(row.data),
    }


def _message(row: Row[Any]) -> bytes:
    # JSON as json.dumps writes it has no line break.
    return f"id: {row.id}\ndata: {json.dumps(of_row(row))}\n\n".encode()
