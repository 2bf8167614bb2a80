"""Who sends a request: settled before its body is read or its route looked for.

Everything but the dashboard's files, the public paths and OPEN needs a valid token or a session,
routes that do not exist too. What its role allows is said in `gateway.api.policy`.
"""

from collections.abc import Callable
from typing import Any

import structlog
from anyio import to_thread
from sqlalchemy.exc import OperationalError
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api import browser, problems
from gateway.api.services import Services
from gateway.dashboard.pages import is_page
from gateway.operations import sessions, tokens
from gateway.operations.sessions import Live

Sender = dict[str, Any]
"""What is put into a request's state: `bearer` and `session`."""

log = structlog.get_logger(__name__)

PUBLIC = frozenset({"/healthz", "/readyz", "/openapi.json"})
"""What may be asked without a token."""
OPEN = frozenset(
    {
        ("POST", "/v1/claim"),
        ("POST", "/v1/session"),
        ("POST", "/v1/welcome"),
        ("POST", "/v1/welcome/enter"),
    }
)
"""What asks for something else instead: a claim code, a password, or a link's token."""


class Authenticate:
    """ASGI middleware: 401 without a valid token or session, 429 after too many that were not, 403
    where a browser may have been made to send what it sends.

    The Bearer stands in the request's state as `bearer`, and its session, if it is one, as
    `session`. A token counts before a cookie.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its sender known, or answer it."""
        if scope["type"] != "http" or _is_open(scope):
            await self._app(scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else ""
        headers = Headers(scope=scope).getlist("authorization")
        secret = None if headers else browser.session_secret(scope)
        try:
            if secret is None:
                found = await to_thread.run_sync(self._by_token, address, _token(headers))
            else:
                used = browser.is_use(scope)
                found = await to_thread.run_sync(self._by_session, address, secret, used)
        except OperationalError as error:
            await problems.database_failed(scope["path"], error)(scope, receive, send)
            return
        refused = _refusal(found) if isinstance(found, int) else _forged(scope, found)
        if refused is not None:
            await refused(scope, receive, send)
            return
        scope.setdefault("state", {}).update(found)
        await self._app(scope, receive, send)

    def _by_session(self, address: str, secret: str, used: bool) -> Sender | int:
        """The sender by a session's secret, or as `_tried`; `used` is whether a person asks."""

        def look() -> Sender | None:
            live = sessions.check(self._services.store, secret, used=used)
            return None if live is None else {"bearer": live.bearer, "session": live}

        try:
            return self._tried(address, "", secret, look)
        except sessions.Ended:
            return 0

    def _by_token(self, address: str, token: str | None) -> Sender | int:
        """The sender by a token, or as `_tried`; without one there is nothing to try."""

        def look() -> Sender | None:
            bearer = tokens.check(self._services.store, str(token))
            return None if bearer is None else {"bearer": bearer, "session": None}

        return 0 if token is None else self._tried(address, tokens.id_in(token), token, look)

    def _tried(
        self, address: str, id_: str, secret: str, look: Callable[[], Sender | None]
    ) -> Sender | int:
        """The sender, or after how many seconds to try again (0: with another secret, at once)."""
        throttle, metrics = self._services.throttle, self._services.metrics
        seconds = throttle.wait(address, id_, secret)
        if seconds:
            metrics.tokens_refused.labels("limited").inc()
            return seconds
        found = look()
        if found is None:
            throttle.failed(address, id_, secret)
            metrics.tokens_refused.labels("invalid").inc()
            # What was sent may be a secret of somebody's, so only the id that stands in it is told.
            log.warning("a token was refused", address=address, token_id=id_)
            return 0
        throttle.succeeded(address, secret)
        return found


def _is_open(scope: Scope) -> bool:
    method, path = scope["method"], scope["path"]
    return path in PUBLIC or is_page(path) or (method, path) in OPEN


def _forged(scope: Scope, found: Sender) -> JSONResponse | None:
    """The refusal of what a browser may have been made to send; None if that can't be."""
    live: Live | None = found["session"]
    if live is None or not browser.changes_something(scope):
        return None
    if browser.is_from_elsewhere(scope):
        return problems.respond(403, browser.ELSEWHERE, kind="csrf")
    if not browser.has_token(scope, live.csrf_token):
        return problems.respond(403, browser.NO_TOKEN, kind="csrf")
    return None


def _token(headers: list[str]) -> str | None:
    """The bearer token that was sent; None if there is none, or more than one header."""
    if len(headers) != 1:
        return None
    scheme, _, token = headers[0].partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _refusal(seconds: int) -> JSONResponse:
    if seconds:
        detail = f"too many tokens that are not valid; try again in {seconds} s"
        headers = {"Retry-After": str(seconds)}
        return problems.respond(429, detail, kind="too-many-attempts", headers=headers)
    return problems.respond(
        401,
        "log in, or send a valid token: Authorization: Bearer tally_...",
        headers={"WWW-Authenticate": "Bearer"},
    )
