"""Load models: how many units a simulated meter has counted, as exact integers.

A load is asked `advance(milliseconds, served)` and returns the units counted in that time; what is
not yet a whole unit it keeps, so nothing is lost between calls. Pure: time comes in as an argument.
"""

from typing import Protocol


class Load(Protocol):
    """What a meter measures."""

    def advance(self, milliseconds: int, served: bool) -> int:
        """The units counted in these milliseconds; none while the relay is open."""
