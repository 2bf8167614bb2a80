"""The places that idle meters watch: who is there, and what a meter makes of it."""

from typing import Protocol

from firmware.meters.idle import IdleMeter


class Watched(Protocol):
    """The device whose place it is."""

    delivered: int

    def may_deliver(self) -> bool:
        """Whether its load would be served."""


class Place:
    """The place at a device. `taken`: somebody is there. Idle is who could consume and does not,
    for longer than `after_ms`."""

    def __init__(self, watched: Watched, after_ms: int) -> None:
        self.watched = watched
        self.after_ms = after_ms
        self.taken = False
        self.restart()

    def restart(self) -> None:
        """The meter's board has started anew, and knows of no second before."""
        self._meter = IdleMeter(self.after_ms)
        self._told = 0

    def seconds(self, taken: bool, ticks: int) -> int:
        """The seconds that its meter counts since it was last asked, by its board's clock."""
        found = self._meter.look(self.watched.delivered, taken, ticks)
        before, self._told = self._told, found
        return found - before
