"""A TCP proxy between a program and PostgreSQL: it loses the answer to a COMMIT, cuts connections,
and can be away."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Between:
    """The proxy, while its context lasts; `port` is where programs reach it."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._away = threading.Event()
        self._commits_to_lose = 0
        self.lost = 0
        """How many answers to COMMIT were lost."""
        self.refused = 0
        """How many connections were refused while it was away."""
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_commits(self, count: int) -> None:
        """Of the next so many COMMITs, lose the answer, once the server has given it, and the
        connection."""
        with self._lock:
            self._commits_to_lose = count

    def go(self) -> None:
        """Cut all connections and take no more."""
        self._away.set()
        self._cut()

    def come_back(self) -> None:
        """Take connections again."""
        self._away.clear()

    def close(self) -> None:
        """End it."""
        self._listening.close()
        self._cut()

    def _cut(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for each in pair:
                _end(each)

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listening.accept()
            except OSError:
                return
            if self._away.is_set():
                self.refused += 1
                _end(here)
                continue
            there = socket.create_connection(self._there, timeout=10)
            there.settimeout(None)
            with self._lock:
                self._pairs.append((here, there))
            losing = threading.Event()
            for pump, arguments in (
                (self._up, (here, there, losing)),
                (self._down, (there, here, losing)),
            ):
                threading.Thread(target=pump, args=arguments, daemon=True).start()

    def _up(self, here: socket.socket, there: socket.socket, losing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := here.recv(65_536):
                if b"COMMIT\0" in data:
                    with self._lock:
                        if self._commits_to_lose:
                            self._commits_to_lose -= 1
                            losing.set()
                there.sendall(data)
        _end(here)
        _end(there)

    def _down(self, there: socket.socket, here: socket.socket, losing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := there.recv(65_536):
                # What the server says now, it says after the commit.
                if losing.is_set() and b"COMMIT\0" in data:
                    self.lost += 1
                    break
                here.sendall(data)
        _end(here)
        _end(there)


def _end(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@contextlib.contextmanager
def between(host: str, port: int) -> Iterator[Between]:
    """A proxy to this server."""
    proxy = Between(host, port)
    try:
        yield proxy
    finally:
        proxy.close()
