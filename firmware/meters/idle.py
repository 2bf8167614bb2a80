"""Seconds in which a place was taken and nothing was consumed: what an idle fee is asked for.

What may live here: the sum, and what counts. Sans-IO: which meter is watched, and how it is known
that somebody is there, is the board's to tell.
"""

LONGEST_MS = 60_000
"""Two looks that lie further apart count nothing for what lies between: it was not watched."""


class IdleMeter:
    """Whole seconds, from when the watched meter has stood still for `after_ms` on. Consumption
    begins the wait anew, and so does a place that nobody takes."""

    def __init__(self, after_ms: int) -> None:
        self._after = after_ms
        self._total = -1
        self._since = -1
        """When the meter was first seen to stand still with the place taken; -1: it does not."""
        self._looked = 0
        self._idle_ms = 0

    def look(self, total: int, taken: bool, now: int) -> int:
        """The seconds so far. The watched meter shows `total` at `now`, in milliseconds of a clock
        that never goes back; `taken`: somebody is there, and could consume."""
        watched = self._since >= 0 and now - self._looked <= LONGEST_MS
        if not taken or total != self._total or not watched:
            self._since = now if taken else -1
            self._total = total
        else:
            self._idle_ms += max(0, now - max(self._looked, self._since + self._after))
        self._looked = now
        return self._idle_ms // 1_000
