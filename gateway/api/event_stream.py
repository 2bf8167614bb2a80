"""An answer of text/event-stream: sent piece by piece, until its end or until nobody reads it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_SEND_SECONDS = 20.0
"""How long a reader may take for one piece, before it is given up."""


class EventStream(Response):
    """The pieces of a stream as they come."""

    media_type = "text/event-stream"

    def __init__(self, pieces: AsyncGenerator[bytes]) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        async with aclosing(self._pieces), anyio.create_task_group() as group:

            async def until_nobody_reads() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(until_nobody_reads)
            await self._send(send)
            group.cancel_scope.cancel()

    async def _send(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async for piece in self._pieces:
            with anyio.move_on_after(_SEND_SECONDS) as limit:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            if limit.cancelled_caught:
                # Not ended, so that whoever reads after all sees that something is missing.
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
