"""When to say again what got no answer: soon at first, then ever less often."""

FIRST_MS = 3_000
"""First wait for an answer, in milliseconds; it doubles up to LONGEST_MS."""
LONGEST_MS = 60_000


class Repeat:
    """The waits for one answer. `now` is in milliseconds, on a clock that never goes back."""

    def __init__(self) -> None:
        self._at = 0
        self._wait = FIRST_MS

    def is_due(self, now: int) -> bool:
        """Whether the wait is over."""
        return now >= self._at

    def said(self, now: int) -> None:
        """It was said at `now`: wait for the answer."""
        self._at = now + self._wait

    def lengthen(self) -> None:
        """There was no answer: wait for twice as long next time."""
        self._wait = min(2 * self._wait, LONGEST_MS)

    def answered(self) -> None:
        """There was one: what is said next is waited for as at first."""
        self._wait = FIRST_MS
