"""What every step of the hot path works with."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from sqlalchemy import Connection

from gateway.ingest.alerts import Alerts
from gateway.ingest.directory import Directory
from gateway.ingest.presence import Presence
from gateway.ingest.spans import NOBODY, Spans
from gateway.keys import GatewayKeys, verify
from gateway.metrics import Metrics
from gateway.store import fence, lease, notices
from gateway.store.engine import Store

LEASE = "ingest"

Check = tuple[bytes, bytes, bytes]
"""A public key, the bytes that were signed, a signature."""


class Overtaken(Exception):
    """Another writer was there first: nothing was written, read anew and decide again."""


class Context:
    """One worker's store, keys, counters and cache, and the lease it writes under.

    `now` is the database's time at the last transaction, in Unix seconds: never ahead of it, so
    that what it lets through is decided by the commit, which asks the database again. `decisions`
    is how many decisions of operators the cache knows of. `fenced` is whether the books were
    restored and are not reconciled, `first_serial` what a channel's serial begins with, `awaited`
    the channels whose devices have not shown themselves since a restore: all three change by
    decisions alone. `hub_fee_bp` is the fee of channels between devices, in basis points.
    `announced_to` is the last device that was told of the newest key since this worker began, None
    once all were.
    """

    def __init__(
        self,
        store: Store,
        keys: GatewayKeys,
        metrics: Metrics,
        token: int,
        threads: int = 1,
        hub_fee_bp: int = 0,
        presence: Presence | None = None,
        spans: Spans = NOBODY,
    ) -> None:
        self.store = store
        self.keys = keys
        self.metrics = metrics
        self.hub_fee_bp = hub_fee_bp
        self.spans = spans
        self.alerts = Alerts(metrics)
        self.presence = presence or Presence()
        self.directory = Directory(keys)
        self.now = 0
        self.decisions = -1
        self.fenced = False
        self.first_serial = 0
        self.awaited: set[bytes] = set()
        self.announced_to: str | None = ""
        self._token = token
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads - 1, "verify") if threads > 1 else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction, before which the cache is emptied if an operator has decided."""
        with self.store.read() as conn:
            decisions = notices.decisions(conn)
            if decisions != self.decisions:
                self.directory.forget()
                self._read_fence(conn)
                self.decisions = decisions
            self.directory.bound()
            self.now = self.store.now(conn)
            yield conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction under the lease.

        Raises Fenced if another worker has taken the lease, Overtaken if an operator has decided
        since the last read; either way nothing is written.
        """
        with self.spans.step("commit"), self.store.write() as conn:
            lease.check(conn, LEASE, self._token)
            if notices.decisions(conn) != self.decisions:
                raise Overtaken
            self.now = self.store.now(conn)
            yield conn

    def _read_fence(self, conn: Connection) -> None:
        self.fenced = self.directory.fenced = fence.is_up(conn)
        self.first_serial = fence.first_serial(conn)
        self.awaited = fence.awaited_channels(conn)

    @property
    def expiry_now(self) -> int:
        """The time that expiries are judged by. Behind the fence none has passed: what is shown
        then may have been signed, and accepted, in time."""
        return 0 if self.fenced else self.now

    def present(self, conn: Connection, channel_ids: Iterable[bytes]) -> None:
        """Note in a write transaction that the devices of these channels have shown themselves."""
        fence.present(conn, sorted(self.awaited.intersection(channel_ids)), self.now)

    def verify_all(self, checks: Sequence[Check]) -> list[bool]:
        """Whether each signature holds; on several threads where there is more than a handful."""
        if not checks:
            return []
        with self.spans.step("verify"):
            return self._verified(checks)

    def _verified(self, checks: Sequence[Check]) -> list[bool]:
        if self._pool is None or len(checks) < _WORTH_THREADS:
            return _verify_each(checks)
        # One equal part for each thread, this one too: more parts cost more in hand-overs than they
        # even out.
        size = -(-len(checks) // self._threads)
        others = [
            self._pool.submit(_verify_each, checks[start : start + size])
            for start in range(size, len(checks), size)
        ]
        results = _verify_each(checks[:size])
        for other in others:
            results += other.result()
        return results

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()


_WORTH_THREADS = 8


def _verify_each(checks: Sequence[Check]) -> list[bool]:
    return [verify(*check) for check in checks]
