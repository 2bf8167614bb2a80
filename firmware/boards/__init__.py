"""Everything of a board, behind one small interface: adding a board is one file beside this one.

A board is any object with the methods of `Board`. None of them decides anything about money.
"""


class MeterSilent(Exception):
    """The meter does not tell what it counts: nothing may be delivered past it."""


class NoNetwork(OSError):
    """The board has no network to reach a broker by."""


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from firmware.identity import Native
    from firmware.journal import Slots
    from firmware.settings import Settings

    class Stream(Protocol):
        """A byte stream to the broker."""

        async def read(self, size: int) -> bytes:
            """Up to `size` bytes, at least one, or none at the end. Raises OSError."""

        async def write(self, data: bytes) -> None:
            """Send all of `data`. Raises OSError."""

        def close(self) -> None:
            """Close it; a read that waits ends."""

    class Board(Protocol):
        """A board as the application sees it."""

        settings: Settings

        def seed(self) -> bytes:
            """The device's 32-byte secret, made on the board from `random_bytes` the first time."""

        def native(self) -> Native | None:
            """Faster cryptography under the same seed, if the board has any."""

        def slots(self, name: str = "journal") -> Slots:
            """Where a journal is kept: what it pays in `journal`, what it is paid in `earned`."""

        def random_bytes(self, size: int) -> bytes:
            """`size` bytes from the board's true random source."""

        def random_below(self, limit: int) -> int:
            """A random number 0..limit-1, for back-off alone."""

        def now_ms(self) -> int:
            """Milliseconds on a clock that never goes back and does not wrap."""

        async def sleep_ms(self, duration: int) -> None:
            """Wait `duration` milliseconds of `now_ms`."""

        def meter(self) -> int:
            """Units counted since the board started. Raises MeterSilent."""

        def relay(self, on: bool) -> None:
            """Let the load be served, or not."""

        def learn_time(self, seconds: int) -> None:
            """The gateway has signed that it is this late, in Unix seconds; for a board that has to
            check certificates' dates and has no clock of its own."""

        async def open_stream(self) -> Stream:
            """Connect to the broker, in bounded time. Raises OSError, NoNetwork among them."""

        def alive(self) -> None:
            """Metering and connecting both go on (feeds a watchdog)."""

        def show(self, status: int) -> None:
            """What the device is doing, one of `firmware.status`; told several times a second."""

        def rest(self, paid: bool) -> None:
            """All that was metered is in the journal, and if `paid` acknowledged too: a board on
            batteries may switch itself off now, and start anew later."""

        def stopping(self) -> bool:
            """Whether to end; a real board never does."""
