"""A sensor: one reading at each interval, and now and then a burst of them."""


class Sensor:
    """A reading each `interval_ms`; every `burst_every` readings come `burst` at once."""

    def __init__(self, interval_ms: int, burst: int, burst_every: int) -> None:
        self._interval = interval_ms
        self._burst = burst
        self._burst_every = burst_every
        self._rest = 0
        self._count = 0

    def advance(self, milliseconds: int, served: bool) -> int:
        """Readings counted."""
        if not served:
            return 0
        due, self._rest = divmod(self._rest + milliseconds, self._interval)
        counted = 0
        for _ in range(due):
            self._count += 1
            counted += self._burst if self._count % self._burst_every == 0 else 1
        return counted
