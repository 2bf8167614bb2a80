"""A real server that webhooks are sent to: it keeps what it gets, and answers as it is told."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.listening import Quiet, listening


@dataclass
class Receiver:
    """Where it is, what it answers next (200 once that is used up), and what it got."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    slow: threading.Event | None = None
    """Nothing is answered before this is set, but a byte now and then."""


@contextmanager
def receiving(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Serve on this machine; by TLS if a context is given."""
    receiver = Receiver()

    class Handler(Quiet):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            names = {name.lower(): value for name, value in self.headers.items()}
            receiver.got.append((names, body))
            if receiver.slow is not None:
                self._drip(receiver.slow)
                return
            self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _drip(self, until: threading.Event) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            while not until.is_set():
                try:
                    self.wfile.write(b"x")
                except OSError:
                    return
                time.sleep(0.02)

    with listening(Handler, context) as receiver.port:
        try:
            yield receiver
        finally:
            if receiver.slow is not None:
                receiver.slow.set()
