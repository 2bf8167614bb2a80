"""The thread that takes batches: whatever arrived while the last one was on its way to the disk.

There is no timer in the hot path. Between batches, at most once a second, it tells devices what
operators decided and closes channels that have expired. While the database is away the batch waits,
and so does all that arrives; what does not pass, a file that can't be written or a lost lease, ends
the worker, and with it the process: nothing may be answered that is not on disk.
"""

import threading
import time
from collections.abc import Callable
from os import cpu_count
from typing import TypeVar

import structlog

from gateway.ingest import upkeep
from gateway.ingest.context import LEASE, Context, Overtaken
from gateway.ingest.inbox import IOUS_AT_ONCE, IOUS_PER_SECOND, Inbox, Received
from gateway.ingest.ingest import process
from gateway.ingest.mqtt import Broker, Link
from gateway.ingest.presence import SILENCE_SECONDS, Presence
from gateway.ingest.reach import Reach
from gateway.ingest.spans import NOBODY, Spans
from gateway.keys import GatewayKeys
from gateway.metrics import Metrics
from gateway.store import lease
from gateway.store.engine import Store
from gateway.store.outages import patiently

log = structlog.get_logger(__name__)

_UPKEEP_SECONDS = 1.0
_Result = TypeVar("_Result")


class Worker:
    """The ingest of one gateway process. `on_failure` is called from its thread with what ended it;
    a clean `stop` does not call it."""

    def __init__(
        self,
        store: Store,
        keys: GatewayKeys,
        metrics: Metrics,
        broker: Broker,
        holder: str,
        on_failure: Callable[[BaseException], None],
        ious_per_second: int = IOUS_PER_SECOND,
        ious_at_once: int = IOUS_AT_ONCE,
        hub_fee_bp: int = 0,
        silence: int = SILENCE_SECONDS,
        spans: Spans = NOBODY,
    ) -> None:
        with store.write() as conn:
            token = lease.take(conn, LEASE, holder)
        self._context = Context(
            store,
            keys,
            metrics,
            token,
            threads=cpu_count() or 1,
            hub_fee_bp=hub_fee_bp,
            presence=Presence(silence),
            spans=spans,
        )
        self._inbox = Inbox(ious_per_second, ious_at_once)
        self.link = Link(broker, self._inbox, metrics, self._context.alerts)
        self._on_failure = on_failure
        self._reach = Reach()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._guarded, name="ingest", daemon=True)
        metrics.inbox.set_function(lambda: len(self._inbox))

    def start(self) -> None:
        """Connect to the broker and begin."""
        self.link.start()
        self._thread.start()

    def stop(self) -> None:
        """Take what has arrived, answer it, and end."""
        self.link.quiet()
        self._stopping.set()
        self._inbox.close()
        if self._thread.is_alive():
            self._thread.join(timeout=30)
        self.link.stop()
        self._context.close()

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001  whatever ends the thread ends the process
            log.critical("ingest ends: nothing more can be taken", error=repr(error))
            self._on_failure(error)

    def _run(self) -> None:
        next_upkeep = time.monotonic()
        while True:
            batch = self._inbox.take(timeout=_UPKEEP_SECONDS)
            if batch:
                with self._context.spans.batch(batch, self._inbox.since):
                    self._answer(batch)
            elif self._stopping.is_set():
                return
            if time.monotonic() >= next_upkeep:
                self._patiently(lambda: upkeep.expire(self._context))
                self.link.publish(self._patiently(lambda: upkeep.tell(self._context)))
                if not self.link.connected.is_set():
                    self._context.presence.deaf()
                self._patiently(lambda: upkeep.observe(self._context))
                self._patiently(self._look_for_broker)
                if self.link.connected.is_set():
                    # Without the broker they would only wait, and the first be dropped.
                    self.link.publish(self._patiently(lambda: upkeep.announce(self._context)))
                next_upkeep = time.monotonic() + _UPKEEP_SECONDS

    def _look_for_broker(self) -> None:
        self._reach.look(self._context, connected=self.link.connected.is_set())

    def _patiently(self, work: Callable[[], _Result]) -> _Result:
        return patiently(work, self._stopping.wait, self._context.directory.forget)

    def _answer(self, batch: list[Received]) -> None:
        try:
            answers = self._patiently(lambda: process(self._context, batch))
        except Overtaken:
            # Operators decided faster than the batch could commit, eight times over: the devices
            # repeat what was not answered.
            log.warning("batch given up after repeated decisions", messages=len(batch))
            return
        with self._context.spans.step("ack"):
            self.link.publish(answers)
            self.link.acknowledge(batch)
