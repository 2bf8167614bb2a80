"""The earliest that it can be now, for a board whose clock starts anew at each power-on.

Certificates have dates, and they are always checked. What a board needs for that is a time that
nobody can set back: it keeps one that its gateway has signed. It is only ever a lower bound, and
moves in steps, so that a gateway whose clock was once years ahead leaves no board behind that finds
every certificate expired.
"""

DAY = 86_400
STEP = 30 * DAY
"""Seconds by which the bound may rise at once, and it rises once a day at most."""


class KnownTime:
    """A bound in the file `path`, in Unix seconds."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._kept = _read(path)
        self._raised_ms = -DAY * 1000

    def earliest(self) -> int:
        """It is not earlier than this; 0 if nothing is known."""
        return self._kept

    def learn(self, seconds: int, now_ms: int) -> None:
        """The gateway has signed this time. `now_ms` is the board's own clock, which never goes
        back. The first time is believed as it is: a board is set up under its owner's eyes."""
        if seconds < self._kept + DAY or now_ms - self._raised_ms < DAY * 1000:
            return
        self._kept = min(seconds, self._kept + STEP) if self._kept else seconds
        self._raised_ms = now_ms
        try:
            with open(self._path, "w") as file:
                file.write(str(self._kept))
        except OSError:
            # Known until power-off, then; a full flash is told by the journal.
            pass


def _read(path: str) -> int:
    try:
        with open(path) as file:
            return max(0, int(file.read()))
    except (OSError, ValueError):
        # Never written, or cut off in mid-write: the next offer tells it again.
        return 0
