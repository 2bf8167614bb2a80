"""The greatest request body, enforced before anything is parsed."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api import problems

MAX_BODY = 1_048_576


class _TooLarge(Exception):
    pass


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
        started = False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > MAX_BODY:
                raise _TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except _TooLarge:
            if not started:
                await _refuse(scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    response = problems.respond(413, f"a body may have at most {MAX_BODY} bytes")
    response.headers["Connection"] = "close"
    await response(scope, receive, send)
