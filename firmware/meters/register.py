"""Units out of a meter's own register, which may wrap, be set back or be another meter's.

What may live here: the sum, and what is believed. How the register is read is the meter's file's.
"""

HOUR_MS = 3_600_000


class Register:
    """What a register has counted since it was first read. `modulus` is the number after its last
    one, `most_an_hour` how many units the meter can count in an hour at all."""

    def __init__(self, modulus: int, most_an_hour: int) -> None:
        self._modulus = modulus
        self._most = most_an_hour
        self._last = -1
        self._at = 0
        self.total = 0
        """Units; never goes back."""
        self.strange = 0
        """Readings that can't follow the one before: of another meter, or of one that was set back.
        Nothing is counted for them, since nothing was measured; counting goes on from there."""

    def read(self, value: int, now: int) -> None:
        """The register shows `value` at `now`, in milliseconds of a clock that never goes back."""
        if self._last >= 0:
            # One more for what the register's rounding holds back, and one for what it runs ahead.
            most = self._most * (now - self._at) // HOUR_MS + 2
            more = value - self._last
            if more < 0:
                more += self._modulus
            if 0 <= more <= most:
                self.total += more
            else:
                self.strange += 1
        self._last = value
        self._at = now
