"""A computer as a board: CPython, or MicroPython's unix port. The meter is fed by whoever embeds it
(a program that reads a real meter, or a test)."""

import asyncio
import os
import time

from firmware.clock import Ticks
from firmware.journal import FileSlots
from firmware.once import settings_of
from firmware.status import TEXTS
from firmware.stream import TcpStream, open_tcp
from firmware.tls import client_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.identity import Native
    from firmware.journal import Slots

__all__ = ["TcpStream", "Unix", "open_tcp"]


def seed(folder: str) -> bytes:
    """The secret in `device.key`, made the first time; its owner's alone to read where the system
    knows owners. Raises OSError."""
    path = folder + "/device.key"
    if "device.key" not in os.listdir(folder or "/"):
        _write_secret(path, os.urandom(32))
    with open(path, "rb") as file:
        found = bytes(file.read())
    if len(found) != 32:
        raise OSError(path + ": must be 32 bytes, and is not")
    return found


class Unix:
    """A board in a folder: `settings.json`, `device.key` and the journal's two files."""

    def __init__(self, folder: str = "") -> None:
        self._folder = folder
        with open(folder + "/settings.json") as file:
            self.settings = settings_of(file.read())
        self.units = 0
        self.delivering = False
        self.ending = False
        self._shown = -1
        if hasattr(time, "monotonic_ns"):
            self._clock = Ticks(lambda: time.monotonic_ns() // 1_000_000, lambda a, b: a - b)
        else:
            self._clock = Ticks(time.ticks_ms, time.ticks_diff)

    def seed(self) -> bytes:
        """The secret in `device.key`. Raises OSError."""
        return seed(self._folder)

    def native(self) -> "Native | None":
        """None: the firmware's own."""
        return None

    def slots(self, name: str = "journal") -> "Slots":
        """Two files in the folder."""
        return FileSlots(self._folder, name)

    def random_bytes(self, size: int) -> bytes:
        """From the system."""
        return os.urandom(size)

    def random_below(self, limit: int) -> int:
        """Of 32 random bits."""
        return int.from_bytes(os.urandom(4), "big") % limit

    def now_ms(self) -> int:
        """Since this board was made."""
        return self._clock.now_ms()

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
        """TCP, under TLS if the settings name an authority. Raises OSError."""
        settings = self.settings
        tls = client_context(settings)
        return await open_tcp(settings.broker_host, settings.broker_port, tls)

    def learn_time(self, seconds: int) -> None:
        """Nothing: a computer's clock is its owner's to set, and certificates are checked by it."""

    def alive(self) -> None:
        """No watchdog."""

    def show(self, status: int) -> None:
        """A line of text for each change."""
        if status != self._shown:
            self._shown = status
            print("tallystick: " + TEXTS[status])

    def rest(self, paid: bool) -> None:
        """Nothing: a computer sleeps when its owner says so."""

    def stopping(self) -> bool:
        """Whether `ending` was set."""
        return self.ending


def _write_secret(path: str, secret: bytes) -> None:
    """A new file, whole or not there: its name is given to it when its bytes are on the disk."""
    unfinished = path + ".new"
    if hasattr(os, "O_CREAT"):
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(descriptor)
    else:
        with open(unfinished, "wb") as file:
            file.write(secret)
    os.rename(unfinished, path)


BOARD = Unix
