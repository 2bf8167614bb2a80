"""What an operator should look at: signs of two with one name, each counted until it is enough.

One alert is one line in the log, one in `tallystick_alerts_total` and, once `upkeep` has taken it,
one event, at most once in its time for each device. Nothing is decided here about money: each
message is judged as ever.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gateway.metrics import Metrics

log = structlog.get_logger(__name__)

_MOST = 20_000
"""Names that are counted at once; beyond that, counting begins anew."""
_MOST_WAITING = 1_000


@dataclass(frozen=True, slots=True)
class _Sign:
    """`enough` times in `seconds` is an alert; `means` says what it is likely to be."""

    enough: int
    seconds: float
    means: str


SIGNS = {
    "stale_ious": _Sign(
        10, 600.0, "IOUs below what it has signed: restored from an old copy, or two with its key"
    ),
    "device_takeover": _Sign(
        10, 60.0, "it connects again and again: two with its key, or a network that breaks"
    ),
    "gateway_takeover": _Sign(
        4, 60.0, "the gateway's connection ends again and again: another client has its name"
    ),
}


class Alerts:
    """Counts signs. May be called from any thread."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, str]] = deque(maxlen=_MOST_WAITING)
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}
        for kind in SIGNS:
            metrics.alerts.labels(kind)

    def __len__(self) -> int:
        return len(self._seen)

    def sign(self, kind: str, name: str) -> None:
        """Once more this sign (a key of SIGNS) of this device, or of the gateway."""
        sign, now = SIGNS[kind], self._clock()
        with self._lock:
            begun, count = self._seen.get((kind, name), (now, 0))
            if now - begun > sign.seconds:
                begun, count = now, 0
            if len(self._seen) >= _MOST:
                self._seen.clear()
            self._seen[kind, name] = (begun, count + 1)
        if count + 1 == sign.enough:
            self._metrics.alerts.labels(kind).inc()
            self._waiting.append((kind, name))
            log.warning("alert", kind=kind, of=name, means=sign.means)

    def waiting(self) -> list[tuple[str, str]]:
        """The alerts, each with whom it is of, that are no events yet."""
        return list(self._waiting)

    def noted(self, count: int) -> None:
        """The first so many of `waiting` are."""
        for _ in range(count):
            self._waiting.popleft()
