"""The load generator: many devices over one raw MQTT connection, each with a window of IOUs.

Everything it sends is signed and packed before the clock starts, so that it takes as little of the
machine as it can while the gateway and the baseline are measured by the same code. It counts an IOU
as accepted when an ack says so, never when it was sent.
"""

import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_CONNACK = 0x20
_PUBLISH = 0x30
_PUBACK = 0x40
_SUBACK = 0x90

AckReader = Callable[[bytes], int]
"""The number of the last accepted IOU (1 for the first), from an ack's payload."""


class LoadError(Exception):
    """The load could not be run to its end; the text says why."""


@dataclass
class Stream:
    """One device's IOUs in order, each a whole PUBLISH packet."""

    ack_topic: bytes
    packets: Sequence[bytes]
    sent: int = 0
    acked: int = 0
    sent_at: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """What one measurement came to: accepted IOUs, seconds, and ack latencies in seconds."""

    accepted: int
    seconds: float
    latencies: Sequence[float]

    @property
    def rate(self) -> float:
        """Accepted IOUs a second."""
        return self.accepted / self.seconds


def remaining_length(size: int) -> bytes:
    """MQTT's variable-length size (3.1.1, 2.2.3)."""
    out = bytearray()
    while True:
        size, digit = divmod(size, 128)
        out.append(digit | (128 if size else 0))
        if not size:
            return bytes(out)


def _text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw


def publish_packet(topic: str, payload: bytes, qos: int = 0, packet_id: int = 0) -> bytes:
    """One PUBLISH packet."""
    body = _text(topic) + (packet_id.to_bytes(2, "big") if qos else b"") + payload
    return bytes((_PUBLISH | qos << 1,)) + remaining_length(len(body)) + body


class Connection:
    """A raw MQTT 3.1.1 connection: packets in and out, acks of QoS 1 given at once."""

    def __init__(self, host: str, port: int, username: str, password: str) -> None:
        self._socket = socket.create_connection((host, port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        self._out = bytearray()
        body = _text("MQTT") + b"\x04\xc2\x00\x3c" + _text(username)
        body += _text(username) + _text(password)
        self._socket.sendall(b"\x10" + remaining_length(len(body)) + body)
        kind, packet = self._wait_packet()
        if kind & 0xF0 != _CONNACK or packet[1] != 0:
            raise LoadError(f"the broker refused the loader (CONNACK {packet.hex()})")

    def subscribe(self, topic_filter: str) -> None:
        """Subscribe at QoS 1 and wait for the broker's answer."""
        body = b"\x00\x01" + _text(topic_filter) + b"\x01"
        self._socket.sendall(b"\x82" + remaining_length(len(body)) + body)
        kind, packet = self._wait_packet()
        if kind & 0xF0 != _SUBACK or packet[-1] > 1:
            raise LoadError(f"the broker refused the subscription to {topic_filter}")

    def start(self) -> None:
        """From now on wait for at most half a second. The kernel's own time-out spares the extra
        system call that Python's would make before each read."""
        self._socket.setblocking(True)
        timeout = struct.pack("ll", 0, 500_000)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)

    def send(self, packet: bytes) -> None:
        """Queue a packet; `flush` sends it."""
        self._out += packet

    def flush(self) -> None:
        """Send what is queued. The windows bound it to less than the kernel's buffers hold."""
        if self._out:
            self._socket.sendall(self._out)
            self._out.clear()

    def receive(self) -> list[tuple[bytes, bytes]]:
        """Wait for more, and return the (topic, payload) of each PUBLISH that has arrived."""
        try:
            data = self._socket.recv(1 << 18)
        except BlockingIOError:
            return []
        if not data:
            raise LoadError("the broker closed the connection")
        self._buffer += data
        found = []
        while (packet := self._next_packet()) is not None:
            kind, body = packet
            if kind & 0xF0 != _PUBLISH:
                continue
            end = 2 + int.from_bytes(body[:2], "big")
            topic = body[2:end]
            if kind & 0x06:
                self.send(bytes((_PUBACK, 2)) + body[end : end + 2])
                end += 2
            found.append((topic, body[end:]))
        return found

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _wait_packet(self) -> tuple[int, bytes]:
        while (packet := self._next_packet()) is None:
            data = self._socket.recv(65536)
            if not data:
                raise LoadError("the broker closed the connection")
            self._buffer += data
        return packet

    def _next_packet(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        size = shift = 0
        at = 1
        while True:
            if at >= len(buffer):
                return None
            digit = buffer[at]
            size |= (digit & 0x7F) << shift
            shift += 7
            at += 1
            if not digit & 0x80:
                break
        if len(buffer) < at + size:
            return None
        packet = (buffer[0], bytes(buffer[at : at + size]))
        del buffer[: at + size]
        return packet


def run(
    connection: Connection,
    streams: Sequence[Stream],
    read_ack: AckReader,
    window: int,
    seconds: float,
) -> Result:
    """Keep `window` IOUs of each stream outstanding for `seconds`, and measure.

    Raises LoadError if nothing is acked at all or for ten seconds, or if a stream runs out of IOUs.
    """
    by_topic = {stream.ack_topic: stream for stream in streams}
    latencies: list[float] = []
    started = time.perf_counter()
    for stream in streams:
        _fill(connection, stream, window, started)
    before = sum(stream.acked for stream in streams)
    last_progress = started
    while (now := time.perf_counter()) - started < seconds:
        if now - last_progress > 10:
            raise LoadError("nothing was acked for ten seconds")
        connection.flush()
        for topic, payload in connection.receive():
            paid = by_topic.get(topic)
            acked = read_ack(payload)
            if paid is None or acked <= paid.acked:
                continue
            last_progress = now = time.perf_counter()
            latencies.extend([now - at for at in paid.sent_at[paid.acked : acked]])
            paid.acked = acked
            _fill(connection, paid, window, now)
    elapsed = time.perf_counter() - started
    accepted = sum(stream.acked for stream in streams) - before
    if accepted == 0:
        raise LoadError(f"nothing was acked in {seconds:g} seconds")
    return Result(accepted, elapsed, latencies)


def _fill(connection: Connection, stream: Stream, window: int, now: float) -> None:
    until = stream.acked + window
    if until > len(stream.packets):
        raise LoadError("a stream ran out of IOUs: prepare more")
    while stream.sent < until:
        connection.send(stream.packets[stream.sent])
        stream.sent_at.append(now)
        stream.sent += 1
