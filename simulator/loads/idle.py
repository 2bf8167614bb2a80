"""What an idle meter counts beside a charger: seconds in which a car stays that takes nothing."""

from collections.abc import Callable

from firmware.meters.idle import LONGEST_MS, IdleMeter
from simulator.loads.ev import EvCharger


class Bay:
    """The bay of a charger, which the firmware's own meter watches. `open_at_charger` says whether
    the charger's relay lets anything through: a car that can't charge is not idle."""

    def __init__(
        self, charger: EvCharger, after_ms: int, open_at_charger: Callable[[], bool]
    ) -> None:
        self._charger = charger
        self._open = open_at_charger
        self._meter = IdleMeter(after_ms)
        self._now = 0
        self._counted = 0

    def advance(self, milliseconds: int, served: bool) -> int:
        """Seconds since the last look; none that its own relay would not let it count."""
        taken = served and self._open() and self._charger.taken()
        seconds = self._counted
        while milliseconds > 0:
            step = min(milliseconds, LONGEST_MS)
            milliseconds -= step
            self._now += step
            seconds = self._meter.look(self._charger.counted, taken, self._now)
        before, self._counted = self._counted, seconds
        return seconds - before
