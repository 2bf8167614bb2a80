"""Who sends a request: settled before its body is read or its route looked for.

Everything but the public paths needs a valid token, routes that do not exist too. What the token's
role allows is said in `gateway.api.policy`.
"""

import structlog
from anyio import to_thread
from sqlalchemy.exc import OperationalError
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api import problems
from gateway.api.services import Services
from gateway.operations import tokens
from gateway.operations.tokens import Bearer

log = structlog.get_logger(__name__)

PUBLIC = frozenset({"/healthz", "/readyz", "/openapi.json"})
"""What may be asked without a token."""


class Authenticate:
    """ASGI middleware: 401 without a valid token, 429 after too many that were not.

    The Bearer stands in the request's state as `bearer`.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its sender known, or answer it."""
        if scope["type"] != "http" or scope["path"] in PUBLIC:
            await self._app(scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else ""
        token = _token(Headers(scope=scope).getlist("authorization"))
        try:
            found = await to_thread.run_sync(self._who, address, token)
        except OperationalError as error:
            await problems.database_failed(scope["path"], error)(scope, receive, send)
            return
        if isinstance(found, int):
            await _refusal(found)(scope, receive, send)
            return
        scope.setdefault("state", {})["bearer"] = found
        await self._app(scope, receive, send)

    def _who(self, address: str, token: str | None) -> Bearer | int:
        """The sender, or after how many seconds to try again (0: with another token, at once)."""
        if token is None:
            return 0
        throttle, metrics = self._services.throttle, self._services.metrics
        id_ = tokens.id_in(token)
        seconds = throttle.wait(address, id_, token)
        if seconds:
            metrics.tokens_refused.labels("limited").inc()
            return seconds
        bearer = tokens.check(self._services.store, token)
        if bearer is None:
            throttle.failed(address, id_, token)
            metrics.tokens_refused.labels("invalid").inc()
            # What was sent may be a secret of somebody's, so only the id that stands in it is told.
            log.warning("a token was refused", address=address, token_id=id_)
            return 0
        throttle.succeeded(address, token)
        return bearer


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
        "send a valid token: Authorization: Bearer tally_...",
        headers={"WWW-Authenticate": "Bearer"},
    )
