"""A recorded day at one charger: each session's energy, spread evenly over the time it charged.

Watt-hours are exact: a session's last one is counted when it ends. Whatever the relay holds back is
delivered later, as a car would wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stretch:
    """Energy in watt-hours between two times, in milliseconds since the day began."""

    start_ms: int
    end_ms: int
    energy_wh: int


class Recorded:
    """One station's stretches; they may overlap, and may take no time at all."""

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._stretches = stretches
        self._now = 0
        self._counted = 0

    @property
    def total_wh(self) -> int:
        """All that will be counted."""
        return sum(each.energy_wh for each in self._stretches)

    @property
    def end_ms(self) -> int:
        """When the last stretch ends."""
        return max(each.end_ms for each in self._stretches)

    @property
    def remaining_wh(self) -> int:
        """What is still to be counted."""
        return self.total_wh - self._counted

    def advance(self, milliseconds: int, served: bool) -> int:
        """Watt-hours counted, and those that were held back before."""
        self._now += milliseconds
        if not served:
            return 0
        due = sum(_so_far(each, self._now) for each in self._stretches)
        counted = due - self._counted
        self._counted = due
        return counted


def _so_far(stretch: Stretch, now: int) -> int:
    if now >= stretch.end_ms:
        return stretch.energy_wh
    if now <= stretch.start_ms:
        return 0
    lasted = stretch.end_ms - stretch.start_ms
    return stretch.energy_wh * (now - stretch.start_ms) // lasted
