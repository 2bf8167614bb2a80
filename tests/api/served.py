"""A house's application on a real port, and a reader of its stream of events."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

import uvicorn
from fastapi import FastAPI


@contextmanager
def served(app: FastAPI) -> Iterator[int]:
    """Serve an application; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            app.state.stream.close()
            server.should_exit = True
            thread.join(timeout=30)


@dataclass
class Message:
    """One message of a stream: its fields, `data` decoded."""

    event: str = ""
    id: str = ""
    data: Any = None
    comment: str = ""


@dataclass
class Reader:
    """A connection that reads a stream; `status` and `headers` are the answer's."""

    port: int
    token: str
    last_event_id: str | None = None
    seen: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": "Bearer " + self.token}
        if self.last_event_id is not None:
            headers["Last-Event-ID"] = self.last_event_id
        self._connection.request("GET", "/v1/events", headers=headers)
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.headers = dict(self._answer.getheaders())

    def close(self) -> None:
        """Hang up."""
        self._answer.close()
        self._connection.close()

    def __iter__(self) -> Iterator[Message]:
        message = Message()
        for raw in self._answer:
            line = raw.decode().rstrip("\n")
            name, _, value = line.partition(": ")
            if not line:
                self.seen.append(message)
                yield message
                message = Message()
            elif not name:
                message.comment = value
            elif name == "data":
                message.data = json.loads(value)
            elif name in ("event", "id"):
                setattr(message, name, value)

    def until(self, wanted: Callable[[Message], bool]) -> Message:
        """The next message that is wanted."""
        for message in self:
            if wanted(message):
                return message
        raise AssertionError(f"the stream ended after {self.seen}")

    def event(self, kind: str) -> dict[str, Any]:
        """The next stored event of a kind."""
        found: dict[str, Any] = self.until(
            lambda each: not each.event and each.data is not None and each.data["kind"] == kind
        ).data
        return found


def wait_until(so: Callable[[], bool]) -> None:
    """Wait for what another thread is to bring about."""
    end = time.monotonic() + 30
    while not so():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)
