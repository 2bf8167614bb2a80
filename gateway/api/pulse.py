"""The live figures of a gateway, once a second while somebody watches.

Counters are read where they are; what only the database knows is read as seldom as it takes to cost
little, however many channels there are.
"""

import time
from collections.abc import Callable
from typing import Any

from prometheus_client import Counter

from gateway.metrics import Metrics
from gateway.store import figures, presence
from gateway.store.engine import Store
from gateway.store.figures import Figures

_SHARE = 20
"""A look at the database is followed by a rest of so many times as long as it took."""


class Pulse:
    """What was counted last, so that rates can be told.

    `clock` is of seconds and never set back."""

    def __init__(
        self, store: Store, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._counted: tuple[float, int, int] | None = None
        self._next_look = clock()
        self._figures = Figures()
        self._devices = 0
        self._figures_at = 0

    def forget(self) -> None:
        """Nobody watches for now: the next rates are of what comes after."""
        self._counted = None

    def beat(self) -> dict[str, Any]:
        """The figures of now, as JSON with amounts as digits."""
        now = self._clock()
        if now >= self._next_look:
            self._look()
            took = self._clock() - now
            self._next_look = now + took + _SHARE * took
        ious = _value(self._metrics.ious_accepted) + _value(self._metrics.ious_coalesced)
        ticks = _value(self._metrics.ticks_accepted)
        before, self._counted = self._counted, (now, ious, ticks)
        return {
            "ious": ious,
            "ious_per_second": 0 if before is None else _rate(ious - before[1], now - before[0]),
            "ticks": ticks,
            "ticks_per_second": 0 if before is None else _rate(ticks - before[2], now - before[0]),
            "channels_open": self._figures.channels["open"],
            "channels_frozen": self._figures.channels["frozen"],
            "devices_online": self._devices,
            "money": [
                {
                    "currency": each.currency,
                    "scale": each.scale,
                    "in_flight": str(each.in_flight),
                    "reserved": str(each.reserved),
                    "windows": str(each.windows),
                }
                for each in self._figures.money.values()
            ],
            "figures_at": self._figures_at,
        }

    def _look(self) -> None:
        with self._store.read() as conn:
            self._figures = figures.read(conn)
            self._devices = presence.count(conn)
            self._figures_at = self._store.now(conn)


def _value(counter: Counter) -> int:
    (metric,) = counter.collect()
    return int(sum(each.value for each in metric.samples if each.name.endswith("_total")))


def _rate(more: int, seconds: float) -> int:
    return round(more / seconds) if seconds > 0 else 0
