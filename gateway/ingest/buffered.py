"""paho-mqtt with buffers: the same client, fewer system calls.

paho reads each packet in three or more pieces, one `recv` each, returns to `select` after every
one, and sends each packet by itself. Here `recv` is served from one large read, a loop takes all
packets that the read brought, and what a loop writes goes out in one send.
"""

import socket
import ssl
import threading
from collections.abc import Iterable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode

_READ_SIZE = 1 << 18
_PUBLISH_QOS_0 = 0x30


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
        """Up to `size` bytes, from the buffer while it holds any."""
        if self._at == len(self._buffer):
            self._buffer = self._inner.recv(max(size, _READ_SIZE))
            self._at = 0
        start = self._at
        self._at = min(start + size, len(self._buffer))
        return self._buffer[start : self._at]

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
    """A paho client that takes everything that has arrived before it waits again."""

    def _create_socket(self) -> Any:
        inner = super()._create_socket()
        if isinstance(inner, socket.socket):
            inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return BufferedSocket(inner)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read packets until none is buffered (paho's own reads one)."""
        code = super().loop_read(max_packets)
        while code == MQTTErrorCode.MQTT_ERR_SUCCESS and self._buffered():
            code = super().loop_read(max_packets)
        return code

    def loop_write(self) -> MQTTErrorCode:
        """Write all packets that wait, in one send."""
        code = super().loop_write()
        current = self._buffers()
        if current is not None:
            current.flush()
        return code

    def publish_burst(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish many messages at QoS 0 in one send, or none while there is no connection.

        paho's `publish` keeps an account of each message, which costs more than an ack is worth.
        """
        current = self._buffers()
        if current is not None and self.is_connected():
            current.send(b"".join([_publish_packet(topic, body) for topic, body in messages]))
            current.flush()

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
