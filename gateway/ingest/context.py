"""What every step of the hot path works with."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
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
    """One worker's store, keys, counters and cache, and the lease it writes under."""

    def __init__(
        self,
        store: Store,
        keys: GatewayKeys,
        metrics: Metrics,
        token: int,
        pool: Executor | None,
    ) -> None:
        self.store = store
        self.keys = keys
        self.metrics = metrics
        self.directory = Directory(keys)
        self._token = token
        self._pool = pool
        self._decisions = -1

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction, before which the cache is emptied if an operator has decided."""
        with self.store.read() as conn:
            decisions = notices.decisions(conn)
            if decisions != self._decisions:
                self.directory.forget()
                self._decisions = decisions
            yield conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction under the lease.

        Raises Fenced if another worker has taken the lease, Overtaken if an operator has decided
        since the last read; either way nothing is written.
        """
        with self.store.write() as conn:
            lease.check(conn, LEASE, self._token)
            if notices.decisions(conn) != self._decisions:
                raise Overtaken
            yield conn

    def verify_all(self, checks: Sequence[Check]) -> list[bool]:
        """Whether each signature holds; on several threads where there is more than a handful."""
        if self._pool is None or len(checks) < _WORTH_THREADS:
            return [verify(*check) for check in checks]
        size = max(_WORTH_THREADS // 2, (len(checks) + _CHUNKS - 1) // _CHUNKS)
        chunks = [checks[start : start + size] for start in range(0, len(checks), size)]
        return [result for part in self._pool.map(_verify_chunk, chunks) for result in part]


_WORTH_THREADS = 8
_CHUNKS = 8


def _verify_chunk(checks: Sequence[Check]) -> list[bool]:
    return [verify(*check) for check in checks]
