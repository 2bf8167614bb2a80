"""A TCP proxy that treats connections badly: it cuts them, at seeded times, in mid-packet."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random


@contextlib.asynccontextmanager
async def cutting_proxy(
    host: str, port: int, seed: int, least: int = 200, most: int = 6_000
) -> AsyncIterator[int]:
    """The port of a proxy that cuts each connection after a random number of bytes."""
    random = Random(seed)
    tasks: set[asyncio.Task[None]] = set()

    async def pump(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: list[int]
    ) -> None:
        with contextlib.suppress(OSError):
            while left[0] > 0:
                data = await reader.read(min(256, left[0]))
                if not data:
                    break
                left[0] -= len(data)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, port)
        left = [random.randrange(least, most)]
        pumps = [
            asyncio.create_task(pump(reader, back, left)),
            asyncio.create_task(pump(there, writer, left)),
        ]
        tasks.update(pumps)
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        writer.close()
        back.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
