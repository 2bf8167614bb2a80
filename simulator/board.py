"""A board made of software: the firmware's code runs on it unchanged, on CPython's asyncio.

What may live here: the pins and parts that a real board would have. The load decides what the meter
counts, the fleet when it is switched off; a journal outlives the board that wrote it.
"""

import asyncio
import os
import time
from dataclasses import dataclass, field
from random import Random

from nacl.signing import SigningKey

from firmware.boards.unix import TcpStream, open_tcp
from firmware.identity import Native
from firmware.settings import Settings
from firmware.tls import client_context
from simulator.crypto import native
from simulator.loads import Load


class MemorySlots:
    """The journal's two slots in memory. They outlive a board that is reset."""

    def __init__(self) -> None:
        self._slots = [b"", b""]

    def read(self, slot: int) -> bytes:
        """The bytes of slot 0 or 1."""
        return self._slots[slot]

    def write(self, slot: int, data: bytes) -> None:
        """Replace slot 0 or 1."""
        self._slots[slot] = data


@dataclass
class SimulatedBoard:
    """One board. `speed` is how many seconds of the load pass in one real second. `native` gives it
    native cryptography; without, it signs with the firmware's own."""

    settings: Settings
    secret: bytes
    load: Load
    speed: int = 1
    native_keys: bool = False
    memory: MemorySlots = field(default_factory=MemorySlots)
    earned: MemorySlots = field(default_factory=MemorySlots)
    random: Random = field(default_factory=Random)
    serves: bool = False
    ending: bool = False
    load_ended: bool = False
    _units: int = 0
    _metered_at: int = 0

    def __post_init__(self) -> None:
        self._metered_at = self.now_ms()

    def seed(self) -> bytes:
        """The device's secret."""
        return self.secret

    def native(self) -> Native | None:
        """libsodium, if asked for."""
        return native(SigningKey(self.secret)) if self.native_keys else None

    def slots(self, name: str = "journal") -> MemorySlots:
        """A journal's slots."""
        return self.memory if name == "journal" else self.earned

    def random_bytes(self, size: int) -> bytes:
        """From the system."""
        return os.urandom(size)

    def random_below(self, limit: int) -> int:
        """For back-off."""
        return self.random.randrange(limit)

    def now_ms(self) -> int:
        """The system's monotonic clock."""
        return time.monotonic_ns() // 1_000_000

    async def sleep_ms(self, duration: int) -> None:
        """Wait."""
        await asyncio.sleep(duration / 1000)

    def meter(self) -> int:
        """Units since the board started, counted by the load at its own speed."""
        now = self.now_ms()
        if not self.load_ended:
            self._units += self.load.advance((now - self._metered_at) * self.speed, self.serves)
        self._metered_at = now
        return self._units

    def clear_meter(self) -> None:
        """What a reset does to a counter: it starts at nothing."""
        self._units = 0

    def relay(self, on: bool) -> None:
        """Let the load be served, or not."""
        self.serves = on

    async def open_stream(self) -> TcpStream:
        """TCP to the broker, under TLS if the settings say so."""
        tls = client_context(self.settings)
        return await open_tcp(self.settings.broker_host, self.settings.broker_port, tls)

    def learn_time(self, seconds: int) -> None:
        """Nothing: this machine has a clock."""

    def alive(self) -> None:
        """No watchdog."""

    def show(self, status: int) -> None:
        """No lamp."""

    def rest(self, paid: bool) -> None:
        """It never sleeps."""

    def stopping(self) -> bool:
        """Whether it is switched off."""
        return self.ending
