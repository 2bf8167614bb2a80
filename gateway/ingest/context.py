"""What every step of the hot path works with."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from sqlalchemy import Connection

from gateway.ingest.alerts import Alerts
from gateway.ingest.directory import Directory
from gateway.keys import GatewayKeys, verify
from gateway.metrics import Metrics
from gateway.store import lease, notices
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
    is how many decisions of operators the cache knows of.
    """

    def __init__(
        self, store: Store, keys: GatewayKeys, metrics: Metrics, token: int, threads: int = 1
    ) -> None:
        self.store = store
        self.keys = keys
        self.metrics = metrics
        self.alerts = Alerts(metrics)
        self.directory = Directory(keys)
        self.now = 0
        self.decisions = -1
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
                self.decisions = decisions
            self.now = self.store.now(conn)
            yield conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction under the lease.

        Raises Fenced if another worker has taken the lease, Overtaken if an operator has decided
        since the last read; either way nothing is written.
        """
        with self.store.write() as conn:
            lease.check(conn, LEASE, self._token)
            if notices.decisions(conn) != self.decisions:
                raise Overtaken
            self.now = self.store.now(conn)
            yield conn

    def verify_all(self, checks: Sequence[Check]) -> list[bool]:
        """Whether each signature holds; on several threads where there is more than a handful."""
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
