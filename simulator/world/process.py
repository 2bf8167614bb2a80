"""One process of the gateway: its real ingest core, stepped instead of threaded.

The steps are those of `gateway.ingest.worker`, in its order: take what is there, process it,
publish, acknowledge; between batches upkeep. Where the process ends is decided from outside.
"""

from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from gateway.ingest import upkeep
from gateway.ingest.context import LEASE, Context, Overtaken
from gateway.ingest.inbox import Inbox, Received
from gateway.ingest.ingest import process
from gateway.ingest.presence import Presence
from gateway.ingest.replies import Outgoing
from gateway.keys import GatewayKeys
from gateway.metrics import Metrics
from gateway.store import lease
from gateway.store.errors import Fenced
from protocol import topics
from simulator.world.broker import GATEWAY_ID, Broker, Publish, Session
from simulator.world.clock import Clock
from simulator.world.network import GATEWAY
from simulator.world.storage import Crash, Opened, Storage
from simulator.world.watch import Watch

_STEP_MS = 5
_HUB_FEE_BP = 250
_RECONNECT_MS = 1_500
_QUEUED_MOST = 10_000


class Process:
    """A gateway that runs until it is killed. `died` is told why: "killed", "fenced" or "store".

    `speak_after` ends it after so many more publishes, if not negative.
    """

    def __init__(
        self,
        name: str,
        storage: Storage,
        keys: GatewayKeys,
        clock: Clock,
        broker: Broker,
        watch: Watch,
        database_clock: Callable[[], int],
        died: Callable[["Process", str], None],
    ) -> None:
        self.name = name
        self.alive = True
        self.speak_after = -1
        self._clock = clock
        self._broker = broker
        self._watch = watch
        self._died = died
        self._token = 0
        self._opened = Opened(storage, database_clock, self._committed, watch.disk_failed)
        self.traps = self._opened.traps
        store = self._opened.store
        self._inbox = Inbox()
        self._stalled = False
        self._planned = False
        self._session: Session | None = None
        self._epoch = 0
        self._outgoing: list[Outgoing] = []
        try:
            with store.write() as conn:
                token = lease.take(conn, LEASE, name)
        except BaseException:
            self._opened.close()
            raise
        self.metrics = Metrics()
        presence = Presence(clock=lambda: clock.now / 1000)
        self.context = Context(
            store, keys, self.metrics, token, hub_fee_bp=_HUB_FEE_BP, presence=presence
        )
        self._token = token

    def _committed(self) -> None:
        self._watch.committed()
        # The commit by which it took the lease is the first.
        if self._token:
            self._watch.oracle.wrote(LEASE, self._token)

    # Connection

    def connect(self) -> None:
        """Connect to the broker, or try again later."""
        if not self.alive or self._session is not None:
            return
        if self._stalled:
            self._clock.after(_RECONNECT_MS, self.connect)
            return
        self._session = self._broker.connect(GATEWAY_ID, GATEWAY, self)
        if self._session is None:
            self._clock.after(_RECONNECT_MS, self.connect)
            return
        self._epoch += 1
        # What waited for the connection goes out now, as paho's queue does.
        waiting, self._outgoing = self._outgoing, []
        for message in waiting:
            self._send(message)

    def lost(self) -> None:
        """The connection is over."""
        self._session = None
        self._clock.after(_RECONNECT_MS, self.connect)

    def arrived(self, message: Publish) -> None:
        """The broker delivers."""
        if not self.alive:
            return
        if message.retain:
            self._watch.faults.took_effect("retained")
        received = Received(
            message.topic, message.payload, message.retain, message.mid, self._epoch
        )
        self._acknowledge(self._inbox.put([received]))
        self._plan()

    # Steps

    def _plan(self) -> None:
        if not self._planned and self.alive:
            self._planned = True
            self._clock.after(_STEP_MS, self._step)

    def _step(self) -> None:
        self._planned = False
        if not self.alive or self._stalled:
            return
        self.guarded(self._answer)

    def _answer(self) -> None:
        batch = self._inbox.take(timeout=0) if len(self._inbox) else []
        if not batch:
            return
        try:
            answers = process(self.context, batch)
        except Overtaken:
            return
        self._publish(answers)
        self._acknowledge(batch)

    def keep_house(self) -> None:
        """What the worker does between batches."""
        if self.alive and not self._stalled:
            self.guarded(self._upkeep)

    def _upkeep(self) -> None:
        upkeep.expire(self.context)
        self._publish(upkeep.tell(self.context))
        upkeep.observe(self.context)
        if self._session is not None:
            self._publish(upkeep.announce(self.context))

    def guarded(self, step: Callable[[], object]) -> None:
        """Do something that may end the process."""
        try:
            step()
        except Crash:
            self.end("killed")
        except Fenced:
            self.end("fenced")
        except SQLAlchemyError:
            self.end("store")

    def end(self, why: str) -> None:
        """The process is gone: its memory, its connections, what it was about to say."""
        if not self.alive:
            return
        self.alive = False
        self._opened.close()
        if self._session is not None:
            self._broker.disconnect(self._session)
            self._session = None
        self._watch.trace.note(self._clock.now, f"gateway {self.name} ends: {why}")
        self._died(self, why)

    # Speaking

    def _publish(self, answers: list[Outgoing]) -> None:
        """As the link does: QoS 1 messages one by one, then the others in one burst."""
        for message in sorted(answers, key=lambda each: each.qos == 0):
            if self.speak_after == 0:
                self.speak_after = -1
                raise Crash("publish")
            self.speak_after -= self.speak_after > 0
            device_id, kind = topics.parse(message.topic, "down")
            self._watch.gateway_said(device_id, kind, message.payload)
            if self._session is not None:
                self._send(message)
            elif message.qos and len(self._outgoing) < _QUEUED_MOST:
                self._outgoing.append(message)

    def _send(self, message: Outgoing) -> None:
        if self._session is not None:
            self._broker.publish(self._session, message.topic, message.payload, message.qos)

    def _acknowledge(self, batch: list[Received]) -> None:
        for message in batch:
            if message.mid and message.epoch == self._epoch and self._session is not None:
                self._broker.acknowledged(self._session, message.mid)

    # Standing still

    def stall(self, milliseconds: int) -> None:
        """SIGSTOP, and SIGCONT after so long."""
        self._stalled = True
        if self._session is not None:
            self._broker.pause(self._session, paused=True)
        self._clock.after(milliseconds, self._go_on)

    def _go_on(self) -> None:
        if not self.alive or not self._stalled:
            return
        self._stalled = False
        if self._session is not None:
            self._broker.pause(self._session, paused=False)
        self._plan()

    @property
    def idle(self) -> bool:
        """Whether nothing waits in it."""
        return len(self._inbox) == 0 and not self._stalled
