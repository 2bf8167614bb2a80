"""What stands between a client and a gateway and is not to be relied on: it forwards each request,
and then does with the answer what a test has told it."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection

from tests.listening import Quiet, listening

LOSE = "the gateway answers, and the client never hears it"


@dataclass
class Relay:
    """`plan` is what becomes of the next requests: LOSE, or the status and headers of an answer
    that the gateway is not even asked for; later ones pass. `seen` is what came, by method and
    path, with its Idempotency-Key."""

    url: str = ""
    plan: deque[str | tuple[int, dict[str, str]]] = field(default_factory=deque)
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)


@contextmanager
def relay(port: int) -> Iterator[Relay]:
    """A relay to the gateway on this port."""
    found = Relay()

    class Handler(Quiet):
        def _any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            key = self.headers.get("Idempotency-Key")
            found.seen.append((self.command, self.path.partition("?")[0], key))
            planned = found.plan.popleft() if found.plan else None
            if isinstance(planned, tuple):
                self._answer(planned[0], planned[1], b"no JSON")
                return
            gateway = HTTPConnection("127.0.0.1", port, timeout=30)
            gateway.request(self.command, self.path, body, dict(self.headers.items()))
            answer = gateway.getresponse()
            said = answer.read()
            gateway.close()
            if planned != LOSE:
                kind = {"Content-Type": answer.headers.get("Content-Type", "")}
                self._answer(answer.status, kind, said)

        do_GET = do_POST = do_PUT = do_DELETE = _any

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    with listening(Handler) as here:
        found.url = f"http://127.0.0.1:{here}"
        yield found
