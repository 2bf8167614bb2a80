"""An electric vehicle at a charger: constant current, then constant voltage.

Up to the knee (80 % of the battery) it takes all the power there is; from there the power falls in
a straight line to a tenth at full, as the battery's voltage limit makes it. Energy is counted in
milliwatt-milliseconds, so whole watt-hours come out exact. A car that is full leaves, at once or
after it has stayed for a while, and another comes some time later.
"""

_WATT_HOUR = 3_600_000 * 1_000
"""Milliwatt-milliseconds."""

_SLICE_MS = 1_000


class EvCharger:
    """A charger of `power_w` watts; each car arrives with `needs_wh` still to take out of a battery
    of `battery_wh`, stays for `stays_ms` once it is full, and the next one comes `pause_ms` after
    it has left."""

    def __init__(
        self, power_w: int, battery_wh: int, needs_wh: int, pause_ms: int, stays_ms: int = 0
    ) -> None:
        self._power_mw = power_w * 1_000
        self._battery = battery_wh * _WATT_HOUR
        self._needs = needs_wh * _WATT_HOUR
        self._pause = pause_ms
        self._stays = stays_ms
        self.counted = 0
        """Watt-hours so far."""
        self._level = self._battery - self._needs
        self._waiting = 0
        self._rest = 0

    def taken(self) -> bool:
        """Whether a car is there, be it full."""
        return self._waiting == 0 or self._waiting > self._pause

    def power_mw(self) -> int:
        """What the car takes now, in milliwatts."""
        if self._waiting > 0:
            return 0
        knee = self._battery * 8 // 10
        if self._level <= knee:
            return self._power_mw
        above = self._battery - knee
        fallen = self._power_mw * 9 * (self._level - knee) // (above * 10)
        return self._power_mw - fallen

    def advance(self, milliseconds: int, served: bool) -> int:
        """Watt-hours counted."""
        counted = 0
        while milliseconds > 0:
            slice_ms = min(milliseconds, _SLICE_MS)
            milliseconds -= slice_ms
            if self._waiting > 0:
                self._waiting = max(0, self._waiting - slice_ms)
            elif served:
                counted += self._charge(slice_ms)
        self.counted += counted
        return counted

    def _charge(self, milliseconds: int) -> int:
        energy = min(self.power_mw() * milliseconds, self._battery - self._level)
        self._level += energy
        if self._level >= self._battery:
            self._level = self._battery - self._needs
            self._waiting = self._stays + self._pause
        whole, self._rest = divmod(self._rest + energy, _WATT_HOUR)
        return whole
