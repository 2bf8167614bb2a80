"""TCP to the broker, plain or under TLS, the same on CPython's and MicroPython's asyncio.

What may live here: the connection's bytes and its bounded opening. Whom to trust is in the TLS
context that the board makes.
"""

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONNECT_SECONDS = 10


class TcpStream:
    """A connection of asyncio's."""

    def __init__(self, reader: "Any", writer: "Any") -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end. Raises OSError."""
        data: bytes = await self._reader.read(size)
        return data

    async def write(self, data: bytes) -> None:
        """Send all of `data`. Raises OSError."""
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        """Close it."""
        self._writer.close()


async def open_tcp(host: str, port: int, tls: "Any" = None) -> TcpStream:
    """Connect within ten seconds, under TLS if a context is given; the certificate must then be
    `host`'s. Raises OSError."""
    if tls is None:
        opening = asyncio.open_connection(host, port)
    else:
        opening = asyncio.open_connection(host, port, ssl=tls, server_hostname=host)
    reader: Any
    writer: Any
    try:
        reader, writer = await asyncio.wait_for(opening, CONNECT_SECONDS)
    except asyncio.TimeoutError:
        raise OSError("no answer from " + host) from None
    return TcpStream(reader, writer)
