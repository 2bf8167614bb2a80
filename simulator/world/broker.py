"""The broker, as forgetful as a real one.

Modelled on what was measured of Mosquitto: a PUBACK promises nothing; killed, it forgets sessions,
queues and retained messages; what it may not pass on it drops without a word; a queue that is full
drops too; a client id that connects again ends the older connection; a will is published when a
connection ends without a goodbye.
"""

from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from protocol import topics
from protocol.errors import WireError
from simulator.world.clock import Clock
from simulator.world.faults import Faults
from simulator.world.network import GATEWAY, Network
from simulator.world.trace import Trace

INFLIGHT = 20
"""QoS 1 messages that the gateway may hold without a PUBACK, as Mosquitto's default."""
_LOST_MS = 20_000
"""After so long a message that the network lost counts as delivered: TCP would have repeated it."""
GATEWAY_ID = "gateway"
TIMEOUT_MS = 45_000
"""After so long without a word both ends give a connection up."""


@dataclass(frozen=True)
class Publish:
    """One message; `retain` as it is delivered, `mid` 0 at QoS 0."""

    topic: str
    payload: bytes
    qos: int
    retain: bool = False
    mid: int = 0


class Client(Protocol):
    """What the broker tells a connection's owner."""

    def arrived(self, message: Publish) -> None:
        """A message came through."""

    def lost(self) -> None:
        """The connection is over."""


@dataclass
class Session:
    """One connection. `paused` while its client reads nothing; `unacked` are the ids of messages
    that wait for its PUBACK, with when they were sent."""

    client_id: str
    place: int
    client: Client
    alive: bool = True
    will: Publish | None = None
    paused: bool = False
    queue: deque[Publish] = field(default_factory=deque)
    unacked: dict[int, int] = field(default_factory=dict)


class Broker:
    """One broker and its access list: a device may publish what is its own, the gateway all."""

    def __init__(
        self, clock: Clock, network: Network, faults: Faults, trace: Trace, queue_limit: int
    ) -> None:
        self._clock = clock
        self._network = network
        self._faults = faults
        self._trace = trace
        self._queue_limit = queue_limit
        self._sessions: dict[str, Session] = {}
        self._retained: dict[str, bytes] = {}
        self._mid = 0
        self._doomed_by: tuple[str, int] | None = None
        self.up = True
        self.seen: deque[tuple[str, bytes]] = deque(maxlen=200)
        """The latest messages that passed, which whoever listens could have recorded."""
        network.on_partition = self._partitioned

    # Connections

    def connect(self, client_id: str, place: int, client: Client) -> Session | None:
        """A new connection, which ends an older one of this id; None if nobody answers."""
        if not self.up or self._network.is_cut(place):
            return None
        older = self._sessions.get(client_id)
        if older is not None:
            self._faults.took_effect("taken_over")
            self._end(older)
        session = Session(client_id, place, client)
        self._sessions[client_id] = session
        self._trace.note(self._clock.now, f"broker connected {client_id}")
        if client_id == GATEWAY_ID:
            for topic, payload in list(self._retained.items()):
                self._deliver(session, Publish(topic, payload, 1, retain=True))
        return session

    def disconnect(self, session: Session) -> None:
        """The client is gone without a goodbye (a crash)."""
        self._end(session, tell=False)

    def kill(self) -> None:
        """kill -9: all is forgotten."""
        if not self.up:
            return
        self.up = False
        self._retained.clear()
        for session in list(self._sessions.values()):
            session.will = None
            self._end(session)
        self._faults.took_effect("broker_killed")

    def kill_at(self, kind: str, after_ms: int) -> None:
        """kill -9 so many milliseconds after the next message of this kind came; if 0, before that
        message is passed on."""
        self._doomed_by = (kind, after_ms)

    def start(self) -> None:
        """Start again, with nothing."""
        self.up = True

    def mend(self) -> None:
        """Run, and let nothing end it."""
        self._doomed_by = None
        self.start()

    def _end(self, session: Session, *, tell: bool = True) -> None:
        if not session.alive:
            return
        session.alive = False
        session.queue.clear()
        if self._sessions.get(session.client_id) is session:
            del self._sessions[session.client_id]
        self._trace.note(self._clock.now, f"broker lost {session.client_id}")
        if session.will is not None and self.up:
            self._faults.took_effect("will")
            self._route(session.will)
        if tell:
            self._clock.after(1, session.client.lost)

    def _partitioned(self, place: int) -> None:
        """Connections of a place that is cut off time out, unless it is mended before."""
        for session in list(self._sessions.values()):
            if session.place == place:
                self._clock.after(TIMEOUT_MS, partial(self._timed_out, session))

    def _timed_out(self, session: Session) -> None:
        if session.alive and self._network.is_cut(session.place):
            kind = "gateway_partitioned" if session.place == GATEWAY else "device_partitioned"
            self._faults.took_effect(kind)
            self._end(session)

    # Messages

    def publish(self, session: Session, topic: str, payload: bytes, qos: int) -> None:
        """A client publishes. There is a PUBACK whatever becomes of it, so none is modelled."""

        def arrive(data: bytes) -> None:
            if session.alive and self.up:
                self._take(session, Publish(topic, data, qos))

        direction = "up" if session.place != GATEWAY else "down"
        kind = topic.rsplit("/", 1)[1]
        self._network.send(session.place, direction, kind, payload, arrive)

    def _take(self, session: Session, message: Publish) -> None:
        if session.client_id != GATEWAY_ID:
            try:
                sender, _kind = topics.parse(message.topic, "up")
            except WireError:
                sender = ""
            if sender != session.client_id:
                self._faults.took_effect("acl_dropped")
                self._trace.note(self._clock.now, f"broker denied {message.topic}")
                return
        self._route(message)

    def inject(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Somebody who controls the broker publishes, past every access list."""
        if self.up:
            if retain:
                self._retained[topic] = payload
            self._route(Publish(topic, payload, qos))

    def _route(self, message: Publish) -> None:
        parts = message.topic.split("/")
        if self._doomed_by is not None and self._doomed_by[0] == parts[5]:
            after_ms = self._doomed_by[1]
            self._doomed_by = None
            if after_ms == 0:
                self.kill()
                return
            self._clock.after(after_ms, self.kill)
        self.seen.append((message.topic, message.payload))
        receiver = GATEWAY_ID if parts[4] == "up" else parts[3]
        session = self._sessions.get(receiver)
        if session is not None:
            self._deliver(session, message)

    def _deliver(self, session: Session, message: Publish) -> None:
        full = message.qos > 0 and self._is_full(session)
        if session.paused or full or session.queue:
            if len(session.queue) >= self._queue_limit:
                self._faults.took_effect("broker_overflow")
                self._trace.note(self._clock.now, f"broker overflow {session.client_id}")
                return
            session.queue.append(message)
            return
        self._send(session, message)

    def _send(self, session: Session, message: Publish) -> None:
        mid = 0
        if message.qos > 0 and session.client_id == GATEWAY_ID:
            self._mid += 1
            mid = self._mid
            session.unacked[mid] = self._clock.now

        def arrive(data: bytes) -> None:
            if session.alive:
                session.client.arrived(
                    Publish(message.topic, data, message.qos, message.retain, mid)
                )

        direction = "down" if session.place != GATEWAY else "up"
        kind = message.topic.rsplit("/", 1)[1]
        self._network.send(session.place, direction, kind, message.payload, arrive)

    def _is_full(self, session: Session) -> bool:
        if len(session.unacked) < INFLIGHT:
            return False
        for mid, sent in list(session.unacked.items()):
            if sent + _LOST_MS <= self._clock.now:
                del session.unacked[mid]
        return len(session.unacked) >= INFLIGHT

    def acknowledged(self, session: Session, mid: int) -> None:
        """The gateway's PUBACK."""
        session.unacked.pop(mid, None)
        self._flush(session)

    def pause(self, session: Session, paused: bool) -> None:
        """A client reads nothing more for now, or reads again."""
        session.paused = paused
        self._flush(session)

    def _flush(self, session: Session) -> None:
        while session.alive and not session.paused and session.queue:
            if session.queue[0].qos > 0 and self._is_full(session):
                return
            self._send(session, session.queue.popleft())

    def waiting(self) -> int:
        """Messages that wait at the broker for a client."""
        return sum(len(session.queue) for session in self._sessions.values())

    def session_of(self, client_id: str) -> Session | None:
        """The connection of a client, if there is one."""
        return self._sessions.get(client_id)
