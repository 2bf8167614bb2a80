"""The gateway's REST API as the simulator uses it."""

import logging
import ssl
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2

# A line for each request would bury what the simulator has to say.
logging.getLogger("httpx2").setLevel(logging.WARNING)


class ApiError(Exception):
    """The API refused something, and the text is what it said; or it did not answer, and `status`
    is 0."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class Api:
    """A gateway's API at `url`, with a token of at least the role that each call needs.

    authority: the file that its certificate is checked against if `url` is https; the system's own
    authorities if None. Raises OSError for a file that is no use.
    """

    def __init__(self, url: str, token: str, authority: Path | None = None) -> None:
        self.url = url.rstrip("/")
        self.authority = authority
        self._client = httpx2.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"},
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
        self._client.close()

    def get(self, path: str, **query: str) -> Any:
        """What a GET answers. Raises ApiError."""
        return self._answer(self._request("GET", path, params=query)).json()

    def post(self, path: str, body: dict[str, object]) -> Any:
        """What a POST answers. Raises ApiError."""
        return self._answer(self._request("POST", path, json=body)).json()

    def put(self, path: str, body: dict[str, object]) -> Any:
        """What a PUT answers. Raises ApiError."""
        return self._answer(self._request("PUT", path, json=body)).json()

    def read(self, path: str) -> bytes:
        """A GET's answer as bytes. Raises ApiError."""
        return self._answer(self._request("GET", path)).content

    def items(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Every item of a list, page by page. Raises ApiError."""
        cursor: dict[str, str] = {}
        while True:
            page = self.get(path, **query, **cursor)
            yield from page["items"]
            if page["next"] is None:
                return
            cursor = {"cursor": page["next"]}

    def metric(self, name: str) -> int:
        """The sum of a counter or gauge of the gateway. Raises ApiError."""
        total = 0.0
        for line in self.read("/metrics").decode().splitlines():
            key, _, value = line.partition(" ")
            if key.partition("{")[0] == name:
                total += float(value)
        return int(total)

    def _request(self, method: str, path: str, **given: Any) -> httpx2.Response:
        try:
            return self._client.request(method, path, **given)
        except httpx2.HTTPError as error:
            raise ApiError(f"{method} {self.url}{path}: {error}") from error

    def _answer(self, response: httpx2.Response) -> httpx2.Response:
        if response.is_error:
            request = response.request
            raise ApiError(
                f"{request.method} {request.url}: {response.status_code} {response.text}",
                response.status_code,
            )
        return response
