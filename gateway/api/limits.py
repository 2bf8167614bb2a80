"""The greatest request body, enforced before anything is parsed."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api import problems

MAX_BODY = 1_048_576
_TOO_LARGE = f"a body may have at most {MAX_BODY} bytes"


class BodyLimit:
    """ASGI middleware that answers 413 to bodies over `MAX_BODY` bytes, announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > MAX_BODY:
            await _refuse(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > MAX_BODY:
                raise HTTPException(413, _TOO_LARGE)
            return message

        await self._app(scope, counted, send)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    response = problems.respond(413, _TOO_LARGE)
    response.headers["Connection"] = "close"
    await response(scope, receive, send)
