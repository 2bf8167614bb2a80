"""Asking nodes of a chain, by JSON-RPC over HTTP. One that is asked alone is believed; several are
believed where they say the same."""

import logging
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx2

from gateway.settlement.rails import RailError

# It would log each request's whole address.
logging.getLogger("httpx2").setLevel(logging.WARNING)

TIMEOUT = 10.0
"""Seconds for one answer."""
AT_ONCE = 100
"""Calls in one request."""
_LARGEST = 2**23


class NodeError(RailError):
    """A node that can't be asked, or that says what another denies."""


class Refusal(RailError):
    """What a node answered instead of a result; `data` is what a contract said, in hex."""

    def __init__(self, message: str, data: str) -> None:
        super().__init__(message)
        self.data = data


def number(value: object) -> int:
    """A number as nodes write it, 0x and hex digits. Raises NodeError."""
    try:
        if isinstance(value, str) and value.startswith("0x"):
            return int(value, 16)
    except ValueError:
        pass
    raise NodeError(f"evm: a node said {str(value)[:80]!r} where a number belongs")


@cache
def _tls() -> ssl.SSLContext:
    """Whom a node's certificate must be from: made once, for it takes longer than an answer."""
    return ssl.create_default_context()


def _whole(answer: Any) -> Any:
    return answer


def _one(answers: list[Any], method: str) -> Any:
    if any(answer != answers[0] for answer in answers):
        raise NodeError(f"evm: the nodes do not agree on {method}")
    return answers[0]


class Nodes:
    """The nodes of one chain. Their addresses may hold a secret, so they are named by host.

    What carries requests to them is HTTP, unless another `transport` is given.
    """

    def __init__(
        self,
        urls: Sequence[str],
        timeout: float = TIMEOUT,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._urls = tuple(urls)
        self._timeout = timeout
        self._transport = transport
        self._here = threading.local()

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Keep connections while this lasts, which whatever asks anything needs."""
        with httpx2.Client(
            timeout=self._timeout, verify=_tls(), transport=self._transport
        ) as client:
            self._here.client = client
            try:
                yield
            finally:
                del self._here.client

    def each(self, method: str, *parameters: object) -> list[Any]:
        """What each node answers. Raises NodeError, Refusal."""
        return [self._ask(url, [(method, parameters)])[0] for url in self._urls]

    def one_by_one(self, method: str, *parameters: object) -> list[tuple[str, Any]]:
        """Each node's host, and what it answers or the RailError that comes instead."""
        found: list[tuple[str, Any]] = []
        for url in self._urls:
            host = urlsplit(url).hostname or ""
            try:
                found.append((host, self._ask(url, [(method, parameters)])[0]))
            except RailError as error:
                found.append((host, error))
        return found

    def agreed(self, method: str, *parameters: object, of: Callable[[Any], Any] = _whole) -> Any:
        """What all of them answer, or what `of` takes of it (nodes of several makes add fields of
        their own). Raises NodeError, also where they differ; Refusal."""
        return _one([of(answer) for answer in self.each(method, *parameters)], method)

    def agreed_many(self, method: str, each: Sequence[Sequence[object]]) -> list[Any]:
        """What all of them answer, to each of these parameters."""
        found: list[Any] = []
        for start in range(0, len(each), AT_ONCE):
            part = [(method, parameters) for parameters in each[start : start + AT_ONCE]]
            found += _one([self._ask(url, part) for url in self._urls], method)
        return found

    def broadcast(self, raw: str) -> None:
        """Give every node a signed transaction. Raises NodeError or Refusal if none has it."""
        failures: list[RailError] = []
        for url in self._urls:
            try:
                self._ask(url, [("eth_sendRawTransaction", [raw])])
            except Refusal as error:
                if not _knows(str(error)):
                    failures.append(error)
            except NodeError as error:
                failures.append(error)
        if len(failures) == len(self._urls):
            raise failures[0]

    def _ask(self, url: str, asked: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        name = urlsplit(url).hostname
        body = [
            {"jsonrpc": "2.0", "id": place, "method": method, "params": list(parameters)}
            for place, (method, parameters) in enumerate(asked)
        ]
        try:
            answer = self._here.client.post(url, json=body[0] if len(body) == 1 else body)
            said = answer.json() if len(answer.content) <= _LARGEST else None
        except httpx2.HTTPError as error:
            why = f"does not answer ({type(error).__name__})"
            raise NodeError(f"evm: node {name}: {why}") from None
        except ValueError:
            said = None
        said = [said] if isinstance(said, dict) else said
        if not isinstance(said, list) or not all(isinstance(each, dict) for each in said):
            raise NodeError(f"evm: node {name}: answered what is no JSON-RPC")
        by_place = {each.get("id"): each for each in said}
        return [
            _result(name, by_place.get(place), method) for place, (method, _) in enumerate(asked)
        ]


def _result(name: str | None, said: dict[str, Any] | None, method: str) -> Any:
    if said is None or ("result" not in said and "error" not in said):
        raise NodeError(f"evm: node {name}: no answer to {method}")
    if "result" in said:
        return said["result"]
    error = said["error"] if isinstance(said["error"], dict) else {}
    message = str(error.get("message", "no reason"))[:200]
    raise Refusal(f"evm: node {name}: {method}: {message}", str(error.get("data", "")))


def _knows(message: str) -> bool:
    """Whether a node refused a transaction because it has it, or one of its nonce that was mined:
    what came of that is asked elsewhere."""
    said = message.lower()
    return any(each in said for each in ("already known", "already imported", "nonce too low"))
