"""An MQTT 3.1.1 client without sockets and without a clock: bytes in, events out.

What may live here: the session's state: what is in flight, who waits for what until when. Bytes to
send are what methods return; the caller sends them in that order. `now` is always an integer of
milliseconds on a clock that never goes back. Every wait is bounded: what is late raises `Late`.
After any MqttError the connection must be dropped; `connect` starts the next one, and what was
published at QoS 1 and not acknowledged is sent again on it.
"""

from firmware import mqtt_packets as packets
from firmware.mqtt_events import (
    Acknowledged,
    Connected,
    ConnectionRefused,
    Late,
    Message,
    Subscribed,
    SubscriptionRefused,
)
from firmware.mqtt_packets import MalformedPacket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_IN_FLIGHT = 8
"""Messages of QoS 1 that may wait for their PUBACK at once: a device's memory is small."""
MAX_UNACKED = 64
"""Incoming messages of QoS 1 that may wait for `Client.ack` at once; a broker sends fewer."""


class NotConnected(Exception):
    """The call needs a connection that the broker has accepted."""


class InFlightFull(Exception):
    """MAX_IN_FLIGHT messages wait for their PUBACK already."""


class _Outgoing:
    """A message of QoS 1 in flight, and until when its PUBACK must have come."""

    def __init__(
        self, packet_id: int, topic: str, payload: bytes, retain: bool, deadline: int
    ) -> None:
        self.packet_id = packet_id
        self.topic = topic
        self.payload = payload
        self.retain = retain
        self.deadline = deadline


class Client:
    """One client over any number of connections, one at a time."""

    def __init__(
        self,
        client_id: str,
        username: str | None = None,
        password: bytes | None = None,
        will: tuple[str, bytes, int, bool] | None = None,
        keepalive: int = 60,
        clean: bool = True,
        patience: int = 10_000,
    ) -> None:
        """`keepalive` in seconds (0: no pings); `patience` in milliseconds is how long any answer
        may take; `will` as in `mqtt_packets.connect`."""
        self._clean = clean
        self._connect = packets.connect(client_id, keepalive, clean, username, password, will)
        self._ping_after = keepalive * 500
        self._patience = patience
        self._last_id = 0
        self._outgoing: list[_Outgoing] = []
        self.disconnected()

    def disconnected(self) -> None:
        """The connection is gone. Waits end; what is in flight stays for the next connection."""
        self.connected = False
        self._splitter = packets.Splitter()
        self._connack_deadline: int | None = None
        self._pingresp_deadline: int | None = None
        self._subscribing: dict[int, tuple[int, list[tuple[str, int]]]] = {}
        self._unacked: set[int] = set()
        self._sent = 0
        self._heard = 0

    def connect(self, now: int) -> bytes:
        """What to send first on a new connection. `Connected` or ConnectionRefused follows."""
        self.disconnected()
        self._connack_deadline = now + self._patience
        return self._connect

    def disconnect(self) -> bytes:
        """What to send last, to leave in good order."""
        self.disconnected()
        return packets.disconnect()

    def publish(
        self, topic: str, payload: bytes, qos: int, now: int, retain: bool = False
    ) -> tuple[bytes, int]:
        """What to send, and the packet id that `Acknowledged` will name (0 for QoS 0).

        Raises NotConnected, InFlightFull, and ValueError for a bad topic or QoS.
        """
        self._need_connection()
        if qos not in (0, 1):
            raise ValueError("qos: must be 0 or 1")
        packet_id = 0
        if qos:
            if len(self._outgoing) == MAX_IN_FLIGHT:
                raise InFlightFull("in flight: must be less than " + str(MAX_IN_FLIGHT))
            packet_id = self._new_id()
        data = packets.publish(topic, payload, packet_id, retain)
        if qos:
            deadline = now + self._patience
            self._outgoing.append(_Outgoing(packet_id, topic, payload, retain, deadline))
        self._sent = now
        return data, packet_id

    def subscribe(self, filters: list[tuple[str, int]], now: int) -> tuple[bytes, int]:
        """What to send to listen to filters, each with its QoS, and the packet id that
        `Subscribed` will name. Raises NotConnected, and ValueError for bad filters."""
        self._need_connection()
        packet_id = self._new_id()
        data = packets.subscribe(packet_id, filters)
        self._subscribing[packet_id] = (now + self._patience, filters)
        self._sent = now
        return data, packet_id

    def ack(self, packet_id: int, now: int) -> bytes:
        """What to send once a Message of QoS 1 is dealt with for good. Nothing if that message
        came on an earlier connection: the broker sends it again."""
        if packet_id not in self._unacked:
            return b""
        self._unacked.remove(packet_id)
        self._sent = now
        return packets.puback(packet_id)

    def receive(
        self, data: bytes, now: int
    ) -> "Iterator[Connected | Subscribed | Message | Acknowledged]":
        """The events that the bytes complete. Run it to its end: a packet is looked at when its
        turn comes, so that whatever precedes a bad one still counts.

        Raises MalformedPacket, ConnectionRefused, SubscriptionRefused.
        """
        self._splitter.feed(data)
        while True:
            packet = self._splitter.next()
            if packet is None:
                return
            self._heard = now
            event = self._take(packet[0], packet[1], packet[2], now)
            if event is not None:
                yield event

    def next_deadline(self) -> int | None:
        """When `on_time` must be called at the latest; None while there is nothing to wait for."""
        deadlines = [deadline for deadline, _ in self._waits()]
        if self.connected and self._ping_after and self._pingresp_deadline is None:
            deadlines.append(self._ping_due())
        return min(deadlines) if deadlines else None

    def on_time(self, now: int) -> bytes:
        """What to send as time has passed: a PINGREQ or nothing. Raises Late."""
        waits = self._waits()
        if waits:
            deadline, packet = min(waits)
            if now >= deadline:
                raise Late(packet)
        if not self.connected or not self._ping_after or self._pingresp_deadline is not None:
            return b""
        if now < self._ping_due():
            return b""
        self._pingresp_deadline = now + self._patience
        self._sent = now
        return packets.pingreq()

    def _waits(self) -> list[tuple[int, str]]:
        """Each answer that is waited for: until when, and its name."""
        waits = []
        if self._connack_deadline is not None:
            waits.append((self._connack_deadline, "CONNACK"))
        if self._pingresp_deadline is not None:
            waits.append((self._pingresp_deadline, "PINGRESP"))
        for deadline, _ in self._subscribing.values():
            waits.append((deadline, "SUBACK"))
        if self.connected:
            for outgoing in self._outgoing:
                waits.append((outgoing.deadline, "PUBACK"))
        return waits

    def _ping_due(self) -> int:
        """Half the keep-alive after the quieter side was last heard: a device that only ever sends
        must learn too that nobody listens."""
        return min(self._sent, self._heard) + self._ping_after

    def _need_connection(self) -> None:
        if not self.connected:
            raise NotConnected("connection: must be accepted by the broker first")

    def _new_id(self) -> int:
        taken = [outgoing.packet_id for outgoing in self._outgoing]
        while True:
            self._last_id = self._last_id % 65535 + 1
            if self._last_id not in taken and self._last_id not in self._subscribing:
                return self._last_id

    def _take(
        self, kind: int, flags: int, body: bytes, now: int
    ) -> Connected | Subscribed | Message | Acknowledged | None:
        if self.connected != (kind != packets.CONNACK):
            raise MalformedPacket("CONNACK: must be the first packet, and come once")
        if kind == packets.CONNACK:
            return self._take_connack(flags, body, now)
        if kind == packets.PUBLISH:
            topic, payload, packet_id, retained, again = packets.read_publish(flags, body)
            if packet_id:
                self._unacked.add(packet_id)
                if len(self._unacked) > MAX_UNACKED:
                    raise MalformedPacket("PUBLISH: more than MAX_UNACKED wait for their PUBACK")
            return Message(topic, payload, packet_id, retained, again)
        if kind == packets.PUBACK:
            return self._take_puback(packets.read_puback(flags, body))
        if kind == packets.SUBACK:
            return self._take_suback(flags, body)
        packets.read_pingresp(flags, body)
        if self._pingresp_deadline is None:
            raise MalformedPacket("PINGRESP: must answer a PINGREQ")
        self._pingresp_deadline = None
        return None

    def _take_connack(self, flags: int, body: bytes, now: int) -> Connected:
        session, code = packets.read_connack(flags, body)
        if self._connack_deadline is None or (session and self._clean):
            raise MalformedPacket("CONNACK: must answer a CONNECT, with no session if none is kept")
        self._connack_deadline = None
        if code:
            raise ConnectionRefused(code)
        self.connected = True
        self._sent = now
        send = b""
        for outgoing in self._outgoing:
            outgoing.deadline = now + self._patience
            send += packets.publish(
                outgoing.topic, outgoing.payload, outgoing.packet_id, outgoing.retain, again=True
            )
        return Connected(session, send)

    def _take_puback(self, packet_id: int) -> Acknowledged:
        for outgoing in self._outgoing:
            if outgoing.packet_id == packet_id:
                self._outgoing.remove(outgoing)
                return Acknowledged(packet_id)
        raise MalformedPacket("PUBACK: must answer a PUBLISH, not packet id " + str(packet_id))

    def _take_suback(self, flags: int, body: bytes) -> Subscribed:
        packet_id, codes = packets.read_suback(flags, body)
        if packet_id not in self._subscribing:
            raise MalformedPacket("SUBACK: must answer a SUBSCRIBE")
        filters = self._subscribing.pop(packet_id)[1]
        if len(codes) != len(filters):
            raise MalformedPacket("SUBACK: must have one code for each filter")
        lower = [filters[i][0] for i in range(len(codes)) if codes[i] != filters[i][1]]
        if lower:
            raise SubscriptionRefused(lower)
        return Subscribed(packet_id)
