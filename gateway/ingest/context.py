"""What every step of the hot path works with."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from sqlalchemy import Connection

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
        self.directory = Directory(keys)
        self.now = 0
        self.decisions = -1
        self._token = token
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, "verify") if threads > 1 else None
        self._reading = threading.RLock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction, before which the cache is emptied if an operator has decided.

        One thread at a time, so that what one reads before a decision can't get into the cache
        after another has emptied it.
        """
        with self._reading, self.store.read() as conn:
            decisions = notices.decisions(conn)
            if decisions != self.decisions:
                self.directory.forget()
                self.decisions = decisions
            self.now = self.store.now(conn)
            yield conn

    @contextmanager
    def write(self, decisions: int | None = None) -> Iterator[Connection]:
        """A write transaction under the lease, for what was decided when operators' decisions
        stood at `decisions` (as of the last read, if not given).

        Raises Fenced if another worker has taken the lease, Overtaken if an operator has decided
        since; either way nothing is written.
        """
        expected = self.decisions if decisions is None else decisions
        with self.store.write() as conn:
            lease.check(conn, LEASE, self._token)
            if notices.decisions(conn) != expected:
                raise Overtaken
            self.now = self.store.now(conn)
            yield conn

    def verify_all(self, checks: Sequence[Check]) -> list[bool]:
        """Whether each signature holds; on several threads where there is more than a handful."""
        if self._pool is None or len(checks) < _WORTH_THREADS:
            return _verify_each(checks)
        # One equal part for each thread: more parts cost more in hand-overs than they even out.
        size = -(-len(checks) // self._threads)
        parts = [checks[start : start + size] for start in range(0, len(checks), size)]
        return [result for part in self._pool.map(_verify_each, parts) for result in part]

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()


_WORTH_THREADS = 8


def _verify_each(checks: Sequence[Check]) -> list[bool]:
    return [verify(*check) for check in checks]
