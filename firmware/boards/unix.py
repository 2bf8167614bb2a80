"""A computer as a board: CPython, or MicroPython's unix port. The meter is fed by whoever embeds it
(a program that reads a real meter, or a test)."""

import asyncio
import os
import time

from firmware.journal import FileSlots
from firmware.settings import Settings, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.identity import Native
    from firmware.journal import Slots

CONNECT_SECONDS = 10


class TcpStream:
    """A TCP connection of asyncio's, the same on CPython and MicroPython."""

    def __init__(self, reader: "Any", writer: "Any") -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        data: bytes = await self._reader.read(size)
        return data

    async def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        """Close it."""
        self._writer.close()


async def open_tcp(host: str, port: int) -> TcpStream:
    """Connect within ten seconds. Raises OSError."""
    try:
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection(host, port), CONNECT_SECONDS
        )
    except asyncio.TimeoutError:
        raise OSError("no answer from " + host) from None
    return TcpStream(reader, writer)


class Unix:
    """A board in a folder: `settings.json`, `device.key` and the journal's two files."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        with open(folder + "/settings.json") as file:
            self.settings: Settings = parse(file.read())
        self.units = 0
        self.delivering = False
        self.ending = False

    def seed(self) -> bytes:
        """The secret in `device.key`, made the first time."""
        path = self._folder + "/device.key"
        if "device.key" not in os.listdir(self._folder):
            with open(path, "wb") as file:
                file.write(self.random_bytes(32))
        with open(path, "rb") as file:
            return bytes(file.read())

    def native(self) -> "Native | None":
        """None: the firmware's own."""
        return None

    def slots(self) -> "Slots":
        """Two files in the folder."""
        return FileSlots(self._folder)

    def random_bytes(self, size: int) -> bytes:
        """From the system."""
        return os.urandom(size)

    def random_below(self, limit: int) -> int:
        """Of 32 random bits."""
        return int.from_bytes(os.urandom(4), "big") % limit

    def now_ms(self) -> int:
        """The system's time since an arbitrary start."""
        return time.time_ns() // 1_000_000

    async def sleep_ms(self, duration: int) -> None:
        """Wait."""
        await asyncio.sleep(duration / 1000)

    def meter(self) -> int:
        """What `units` was set to."""
        return self.units

    def relay(self, on: bool) -> None:
        """Shown in `delivering`."""
        self.delivering = on

    async def open_stream(self) -> TcpStream:
        """Plain TCP, for a broker on this machine."""
        return await open_tcp(self.settings.broker_host, self.settings.broker_port)

    def alive(self) -> None:
        """No watchdog."""

    def stopping(self) -> bool:
        """Whether `ending` was set."""
        return self.ending
