"""How much one sender may say: a bucket of tokens for each, in bounded memory; no clock, no I/O.

The state of a bucket is one number, the time at which it will be full again, so that a bucket that
is full need not be kept at all.
"""

SECOND = 1_000_000_000
"""Times here are nanoseconds."""


class Rate:
    """At most `burst` at once and one in `interval` nanoseconds in the long run, for each sender.

    `most` senders are remembered; while all of them are busy, further ones may say nothing.
    """

    def __init__(self, interval: int, burst: int, most: int = 100_000) -> None:
        self._interval = interval
        self._slack = interval * (burst - 1)
        self._most = most
        self._full_at: dict[str, int] = {}

    def allows(self, sender: str, now: int) -> bool:
        """Whether this sender may say one thing more at `now`, which never goes back; if so, it
        has said it."""
        full_at = max(self._full_at.get(sender, 0), now)
        if full_at - now > self._slack:
            return False
        if len(self._full_at) >= self._most and sender not in self._full_at:
            self._full_at = {name: at for name, at in self._full_at.items() if at > now}
            if len(self._full_at) >= self._most:
                return False
        self._full_at[sender] = full_at + self._interval
        return True

    def __len__(self) -> int:
        return len(self._full_at)
