"""Which devices are there: those that were heard of lately.

MQTT tells a gateway nothing of other clients, so a device is online from the first message of it
that arrives, and offline once none has arrived for `silence` seconds. What is on disk is only what
changed; the times themselves are in memory, and begin anew with the process.
"""

import time
from collections.abc import Callable, Iterable
from itertools import islice

from sqlalchemy import Connection

from gateway.store import presence

SILENCE_SECONDS = 600
_AT_ONCE = 500
_LOOK_SECONDS = 10.0
"""Between two looks at who has fallen silent."""


class Presence:
    """Who was heard of, and when, by a clock of seconds that never goes back."""

    def __init__(
        self, silence: float = SILENCE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._silence = silence
        self._clock = clock
        self._heard: dict[str, float] = {}
        self._online: dict[str, None] | None = None
        self._come: dict[str, None] = {}
        self._next_look = clock() + silence

    def hear(self, device_ids: Iterable[str]) -> None:
        """Messages of these devices have arrived."""
        now = self._clock()
        known = self._online or {}
        for device_id in device_ids:
            self._heard[device_id] = now
            if device_id not in known:
                self._come[device_id] = None

    def deaf(self) -> None:
        """Nothing could be heard until now: nobody has fallen silent by that."""
        now = self._clock()
        self._heard = dict.fromkeys(self._heard, now)
        self._next_look = now + self._silence

    def read(self, conn: Connection) -> None:
        """Take up what was known when the process before this one ended, once."""
        if self._online is None:
            self._online = dict.fromkeys(presence.online(conn))
            now = self._clock()
            for device_id in self._online:
                self._heard.setdefault(device_id, now)
                self._come.pop(device_id, None)

    def changes(self) -> tuple[list[str], list[str]]:
        """Those that have come, and those that have fallen silent, that are not noted yet: at most
        so many that no commit takes long, the others next time. Nobody before `read`."""
        if self._online is None:
            return [], []
        come = list(islice(self._come, _AT_ONCE))
        now = self._clock()
        if now < self._next_look:
            return come, []
        since = now - self._silence
        silent = (each for each in self._online if self._heard[each] <= since)
        gone = list(islice(silent, _AT_ONCE))
        if len(gone) < _AT_ONCE:
            self._next_look = now + _LOOK_SECONDS
        return come, gone

    def noted(self, come: Iterable[str], gone: Iterable[str]) -> None:
        """These changes are on disk."""
        if self._online is None:
            return
        for device_id in come:
            self._online[device_id] = None
            self._come.pop(device_id, None)
        for device_id in gone:
            del self._online[device_id]
            self._heard.pop(device_id, None)
