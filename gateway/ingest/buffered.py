"""paho-mqtt with buffers: the same client, fewer system calls.

paho reads each packet in three or more pieces, one `recv` each, returns to `select` after every
one, and sends each packet by itself. Here `recv` is served from one large read, a loop takes all
packets that the read brought, and what a loop writes goes out in one send. Of what was read, the
PUBLISH packets at QoS 0 (IOUs are) are cut out all at once and handed over as one burst; every
other packet is left to paho.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode

_READ_SIZE = 1 << 18
_LARGEST_PACKET = 1 << 16
"""Bytes. The broker lets no larger one through than 4352; one that does is not ours to trust."""
_MOST_UNSENT = 1 << 20
"""Bytes that may wait for a broker that does not read."""
_PUBLISH_QOS_0 = 0x30  # live: neither retained nor a repetition


def _publish_packet(topic: str, payload: bytes) -> bytes:
    """A PUBLISH packet at QoS 0 (MQTT 3.1.1, 3.3); its size fits two bytes, as all ours do."""
    name = topic.encode()
    size = 2 + len(name) + len(payload)
    length = bytes((size,)) if size < 128 else bytes((size & 127 | 128, size >> 7))
    return bytes((_PUBLISH_QOS_0,)) + length + len(name).to_bytes(2, "big") + name + payload


class BufferedSocket:
    """A socket (plain or TLS) whose `recv` reads ahead and whose `send` waits for `flush`;
    everything else is the socket's own."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._buffer = b""
        self._at = 0
        self._unsent = bytearray()
        self._lock = threading.Lock()

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes, from the buffer while it holds any.

        Raises ConnectionError for more than a packet may have: paho asks for all that is left of
        one at once, and would keep it in memory."""
        if size > _LARGEST_PACKET:
            raise ConnectionError(f"a packet of {size} bytes; at most {_LARGEST_PACKET}")
        if self._at == len(self._buffer):
            self._buffer = self._inner.recv(max(size, _READ_SIZE))
            self._at = 0
        start = self._at
        self._at = min(start + size, len(self._buffer))
        return self._buffer[start : self._at]

    def read_ahead(self) -> None:
        """Fill an empty buffer with what has arrived. Where there is nothing, or no connection any
        more, the next `recv` says so."""
        if self._at == len(self._buffer):
            try:
                self._buffer = self._inner.recv(_READ_SIZE)
            except OSError:
                self._buffer = b""
            self._at = 0

    def take_publishes(self) -> list[tuple[str, bytes]]:
        """Take the topic and payload of each live PUBLISH at QoS 0 (MQTT 3.1.1, 3.3) off the
        buffer's front, up to the first packet that is another, not whole, or malformed."""
        buffer = self._buffer
        at = self._at
        found: list[tuple[str, bytes]] = []
        while len(buffer) - at > 3 and buffer[at] == _PUBLISH_QOS_0:
            body = at + 2
            size = buffer[at + 1]
            if size & 128:
                if buffer[body] & 128:
                    break  # over 16 KiB
                size = size & 127 | buffer[body] << 7
                body += 1
            end = body + size
            topic_end = body + 2 + int.from_bytes(buffer[body : body + 2], "big")
            if end > len(buffer) or topic_end > end:
                break
            try:
                topic = str(buffer[body + 2 : topic_end], "utf-8")
            except UnicodeDecodeError:
                break
            found.append((topic, buffer[topic_end:end]))
            at = end
        self._at = at
        return found

    def pending(self) -> int:
        """Bytes that can be had without asking the system; paho does not wait while there are."""
        buffered = len(self._buffer) - self._at
        inner = self._inner.pending() if hasattr(self._inner, "pending") else 0
        return buffered + int(inner)

    def send(self, data: bytes) -> int:
        """Keep `data`, always whole packets, for the next `flush`."""
        with self._lock:
            self._unsent += data
        return len(data)

    def flush(self) -> None:
        """Send what is kept, as far as the system takes it now."""
        with self._lock:
            if not self._unsent:
                return
            try:
                count = self._inner.send(self._unsent)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            except OSError:
                # The connection is gone; the next `recv` says so to paho, which connects anew.
                count = len(self._unsent)
            del self._unsent[:count]

    def unsent(self) -> int:
        """Bytes that wait for a `flush`."""
        return len(self._unsent)

    def close(self) -> None:
        """Send what is kept (a DISCONNECT, say) and close."""
        self.flush()
        self._inner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class BufferedClient(paho.Client):
    """A paho client that takes everything that has arrived before it waits again.

    `on_burst` gets the topic and payload of live messages at QoS 0, many at once; those that come
    singly, and all others, go to `on_message` as with paho.
    """

    def __init__(
        self,
        on_burst: Callable[[list[tuple[str, bytes]]], None],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._on_burst = on_burst

    def _create_socket(self) -> Any:
        inner = super()._create_socket()
        if isinstance(inner, socket.socket):
            inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return BufferedSocket(inner)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read packets until none is buffered (paho's own reads one)."""
        current = self._buffers()
        if current is not None:
            current.read_ahead()
        while True:
            self._take_burst()
            code = super().loop_read(max_packets)
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS or not self._buffered():
                return code

    def _take_burst(self) -> None:
        current = self._buffers()
        # Between two packets only: paho may have read the first bytes of one.
        if current is not None and self._in_packet["command"] == 0:
            burst = current.take_publishes()
            if burst:
                self._on_burst(burst)

    def loop_write(self) -> MQTTErrorCode:
        """Write all packets that wait, in one send."""
        code = super().loop_write()
        current = self._buffers()
        if current is not None:
            current.flush()
        return code

    def publish_burst(self, messages: Iterable[tuple[str, bytes]]) -> bool:
        """Publish many messages at QoS 0 in one send, or none (False) while there is no connection
        or the broker does not read.

        paho's `publish` keeps an account of each message, which costs more than an ack is worth.
        """
        current = self._buffers()
        if current is None or not self.is_connected() or current.unsent() > _MOST_UNSENT:
            return False
        current.send(b"".join([_publish_packet(topic, body) for topic, body in messages]))
        current.flush()
        return True

    def want_write(self) -> bool:
        """Whether anything is still to be sent."""
        current = self._buffers()
        return super().want_write() or (current is not None and current.unsent() > 0)

    def _buffered(self) -> int:
        current = self._buffers()
        return 0 if current is None else current.pending()

    def _buffers(self) -> BufferedSocket | None:
        current: Any = self.socket()
        return current if isinstance(current, BufferedSocket) else None
