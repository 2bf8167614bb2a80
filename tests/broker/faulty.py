"""A TCP proxy whose line a test spoils while it is in use: it may fall silent, slow down or lag."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

_PIECE = 4096
_LOOK = 0.02


class Line:
    """The proxy. What is set takes effect on connections that stand already."""

    def __init__(self, host: str, port: int) -> None:
        self.silent = False
        """Nothing gets through and nobody is told: a cable that was pulled."""
        self.held = False
        """Nothing is read: a peer that does not take what is sent."""
        self.bytes_per_second = 0
        """0 is as fast as it goes."""
        self.latency = 0.0
        """Seconds for each piece, each way."""
        self.connections = 0
        self._target = (host, port)
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(_LOOK)
        self.port: int = self._listening.getsockname()[1]
        self._go(self._accept)

    def end(self) -> None:
        """Close everything."""
        self._ending.set()
        for thread in list(self._threads):
            thread.join()
        self._listening.close()

    def _go(self, work: object, *given: object) -> None:
        thread = threading.Thread(target=work, args=given)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ending.is_set():
            try:
                near, _ = self._listening.accept()
            except TimeoutError:
                continue
            self.connections += 1
            try:
                far = socket.create_connection(self._target, timeout=5)
            except OSError:
                near.close()
                continue
            self._go(self._both_ways, near, far)

    def _both_ways(self, near: socket.socket, far: socket.socket) -> None:
        over = threading.Event()
        pumps = [
            threading.Thread(target=self._pump, args=(one, other, over))
            for one, other in ((near, far), (far, near))
        ]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        near.close()
        far.close()

    def _pump(self, source: socket.socket, sink: socket.socket, over: threading.Event) -> None:
        source.settimeout(_LOOK)
        while not (over.is_set() or self._ending.is_set()):
            if self.held:
                time.sleep(_LOOK)
                continue
            size = max(1, int(self.bytes_per_second * _LOOK)) if self.bytes_per_second else _PIECE
            try:
                data = source.recv(size)
            except TimeoutError:
                continue
            except OSError:
                break
            if self.silent:
                # Also an end is not passed on.
                if not data:
                    time.sleep(_LOOK)
                continue
            if not data or not self._pass_on(data, sink):
                break
        over.set()

    def _pass_on(self, data: bytes, sink: socket.socket) -> bool:
        if self.bytes_per_second:
            self._ending.wait(len(data) / self.bytes_per_second)
        self._ending.wait(self.latency)
        with contextlib.suppress(OSError):
            sink.settimeout(5)
            sink.sendall(data)
            return True
        return False


@contextlib.contextmanager
def spoiled(host: str, port: int) -> Iterator[Line]:
    """A proxy to this address."""
    line = Line(host, port)
    try:
        yield line
    finally:
        line.end()
