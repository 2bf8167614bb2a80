"""Whether the broker is there, for people who watch: an event once it has been away for longer than
a restart takes, and another when it is back."""

import time
from collections.abc import Callable

from gateway.ingest.context import Context, Overtaken
from gateway.store import events

LOST_SECONDS = 10.0
"""How long there must have been no connection before that is an event; the metric says at once."""
_BROKER = "broker"
_KINDS = ("broker.lost", "broker.connected")


class Reach:
    """Since when there is no connection, by a clock of seconds that never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._away_since: float | None = clock()
        self._noted: bool | None = None

    def look(self, context: Context, *, connected: bool) -> None:
        """Note what has changed, in a transaction of its own. Between changes it costs nothing."""
        if connected:
            self._away_since = None
        elif self._away_since is None:
            self._away_since = self._clock()
        lost = self._away_since is not None
        if lost and self._clock() - (self._away_since or 0.0) < LOST_SECONDS:
            return
        if lost == self._noted:
            return
        try:
            _note(context, lost=lost)
        except Overtaken:
            return
        self._noted = lost


def _note(context: Context, *, lost: bool) -> None:
    """What was noted last may be of the process before this one."""
    with context.read() as conn:
        if events.holds(conn, *_KINDS, _BROKER) == lost:
            return
    with context.write() as conn:
        events.note(conn, _KINDS[0] if lost else _KINDS[1], _BROKER)
