"""Milliseconds that never go back and do not wrap, from a counter that wraps.

What may live here: the sum. Which counter is read, and when, is the board's.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Ticks:
    """The time since this was made. `ticks` reads a counter of milliseconds that wraps, and
    `difference(later, earlier)` subtracts two of its readings, as `time.ticks_ms` and
    `time.ticks_diff` do. Must be read at least once in half the counter's period (6 days)."""

    def __init__(self, ticks: "Callable[[], Any]", difference: "Callable[[Any, Any], int]") -> None:
        self._ticks = ticks
        self._difference = difference
        self._last = ticks()
        self._total = 0

    def now_ms(self) -> int:
        """Milliseconds since the start."""
        now = self._ticks()
        passed = self._difference(now, self._last)
        if passed > 0:
            self._total += passed
            self._last = now
        return self._total
