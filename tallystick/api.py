"""Requests to a gateway's REST API. Paths, fields and roles are those of its document at
`/openapi.json`; how amounts, times, lists and errors are written is in docs/api.md."""

import logging
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2

from tallystick import retries
from tallystick.errors import Problem, Unreachable, problem_of
from tallystick.events import Event, Gap, Position, Pulse, read

# A line for each request would bury what a program has to say.
logging.getLogger("httpx2").setLevel(logging.WARNING)

Query = str | int | bool
Body = Mapping[str, object]


class Api:
    """A gateway's API at `url`, by a token. For one thread at a time; a context manager that closes
    its connections.

    token: None for the few requests that take another proof, such as a claim code.
    authority: the file that its certificate is checked against if `url` is https; the system's own
    authorities if None. Raises OSError for a file that is no use.

    Each call raises Problem if the gateway refuses it, Unreachable if no answer comes. It is sent
    again, a few times, where that can do no harm (`tallystick.retries`).
    """

    def __init__(self, url: str, token: str | None, authority: Path | None = None) -> None:
        self.url = url.rstrip("/")
        self.authority = authority
        self._client = httpx2.Client(
            base_url=self.url,
            headers={} if token is None else {"Authorization": f"Bearer {token}"},
            timeout=60,
            verify=ssl.create_default_context(cafile=authority),
        )

    def __enter__(self) -> "Api":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, **query: Query) -> Any:
        """What a GET answers."""
        return self._send("GET", path, params=query).json()

    def read(self, path: str, **query: Query) -> bytes:
        """A GET's answer as bytes: signed messages, statements, files."""
        return self._send("GET", path, params=query).content

    def items(self, path: str, **query: Query) -> Iterator[dict[str, Any]]:
        """Every item of a list, page by page; `limit` is how many a page has."""
        while True:
            page = self.get(path, **query)
            yield from page["items"]
            if page["next"] is None:
                return
            query["cursor"] = page["next"]

    def post(self, path: str, body: Body | None = None, *, key: str | None = None) -> Any:
        """What a POST answers; None if that is nothing.

        key: the `Idempotency-Key`, for what moves money: with the same key, also of another day and
        another process, it is done once. One is made up for this call if none is given. Raises
        ValueError where the gateway knows no key.
        """
        headers = {}
        if retries.takes_key("POST", path):
            headers["Idempotency-Key"] = key or uuid.uuid4().hex
        elif key is not None:
            raise ValueError(f"key: {path} takes none, and would be done again")
        return _json(self._send("POST", path, json=body or {}, headers=headers))

    def put(self, path: str, body: Body) -> Any:
        """What a PUT answers."""
        return _json(self._send("PUT", path, json=body))

    def patch(self, path: str, body: Body) -> Any:
        """What a PATCH answers."""
        return _json(self._send("PATCH", path, json=body))

    def delete(self, path: str, **query: Query) -> None:
        """A DELETE."""
        self._send("DELETE", path, params=query)

    def events(self, after: int | None = None) -> Iterator[Event | Pulse | Gap]:
        """What happens, as it happens, without end: after the event with the id `after`, or from
        now on. A stream that ends or breaks is taken up again where it was."""
        position, tries = Position(after), 0
        while True:
            tries += 1
            wait_s = retries.FIRST_WAIT_S
            try:
                with self._stream(position, tries) as lines:
                    tries = 0
                    yield from read(lines, position)
            except _Again as again:
                wait_s = again.wait_s
            time.sleep(wait_s)

    @contextmanager
    def _stream(self, position: Position, tries: int) -> Iterator[Iterator[str]]:
        """The lines of one stream. Raises _Again where it is to be asked for once more."""
        headers = {} if position.after is None else {"Last-Event-ID": str(position.after)}
        try:
            with self._client.stream("GET", "/v1/events", headers=headers) as answer:
                if answer.is_error:
                    answer.read()
                    raise _after_answer(answer, "GET", "/v1/events", tries)
                yield answer.iter_lines()
        except httpx2.HTTPError as error:
            raise self._after_error(error, "GET", "/v1/events", tries) from error

    def _send(self, method: str, path: str, **given: Any) -> httpx2.Response:
        """The answer to a request that was taken."""
        tries = 0
        while True:
            tries += 1
            try:
                try:
                    answer = self._client.request(method, path, **given)
                except httpx2.HTTPError as error:
                    raise self._after_error(error, method, path, tries) from error
                if not answer.is_error:
                    return answer
                raise _after_answer(answer, method, path, tries)
            except _Again as again:
                time.sleep(again.wait_s)

    def _after_error(
        self, error: httpx2.HTTPError, method: str, path: str, tries: int
    ) -> "_Again | Unreachable":
        wait_s = retries.wait_s(tries)
        safe = retries.repeatable(method, path)
        if wait_s is not None and retries.again_after_error(error, safe):
            return _Again(wait_s)
        return Unreachable(f"{method} {self.url}{path}: {error}")


class _Again(Exception):
    """The request is to be sent once more, after so many seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


def _after_answer(answer: httpx2.Response, method: str, path: str, tries: int) -> _Again | Problem:
    problem = problem_of(answer)
    wait_s = retries.wait_s(tries, answer)
    safe = retries.repeatable(method, path)
    if wait_s is not None and retries.again_after_answer(
        answer, safe, problem.kind == "in-progress"
    ):
        return _Again(wait_s)
    return problem


def _json(answer: httpx2.Response) -> Any:
    return answer.json() if answer.content else None
