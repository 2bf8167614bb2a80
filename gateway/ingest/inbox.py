"""What has arrived and is not yet in a batch.

Bounded per device before anything is parsed, so that one that floods can neither fill the memory
nor starve the others: so many messages a second, and so many waiting. What is dropped costs
nothing: the next IOU contains it, and everything else is repeated. The device is told, but seldom:
an answer to each would be a flood too. IOUs have a limit of their own, so that a device that pays
much can still open and close.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.ingest.rates import SECOND, Rate
from protocol import topics

MAX_WAITING_PER_DEVICE = 256

IOUS_PER_SECOND = 200
IOUS_AT_ONCE = 1_000
CONTROL_PER_SECOND = 20
"""Messages other than IOUs and ticks; a device that loses its connection says a handful."""
CONTROL_AT_ONCE = 100
TOLD_EVERY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Received:
    """One MQTT message as it came. `mid` and `epoch` name it to the connection that brought it,
    for the PUBACK that follows the commit (mid 0: none is due). `limited` stands for messages that
    were dropped: nothing is taken from it, its sender is told so."""

    topic: str
    payload: bytes
    retain: bool = False
    mid: int = 0
    epoch: int = 0
    limited: bool = False


class Inbox:
    """A queue that gives out everything it holds at once. `clock` gives nanoseconds that never go
    back."""

    def __init__(
        self,
        ious_per_second: int = IOUS_PER_SECOND,
        ious_at_once: int = IOUS_AT_ONCE,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._condition = threading.Condition()
        self._messages: list[Received] = []
        self._waiting: Counter[str] = Counter()
        self._closed = False
        self._clock = clock
        self._came = 0
        self.since = 0
        """When the first message came of what was taken last, by `clock`."""
        self._ious = Rate(SECOND // ious_per_second, ious_at_once)
        self._control = Rate(SECOND // CONTROL_PER_SECOND, CONTROL_AT_ONCE)
        self._told = Rate(SECOND * TOLD_EVERY_SECONDS, 1)
        self.dropped = 0

    def put(self, messages: Iterable[Received]) -> list[Received]:
        """Add these messages; those that were dropped, since their device says too much, or has too
        many waiting."""
        dropped = []
        now = self._clock()
        with self._condition:
            if not self._messages:
                self._came = now
            for message in messages:
                sender = message.topic[:_SENDER_END]
                rate = self._ious if message.topic.endswith(_FREQUENT) else self._control
                if self._waiting[sender] < MAX_WAITING_PER_DEVICE and rate.allows(sender, now):
                    self._waiting[sender] += 1
                    self._messages.append(message)
                    continue
                dropped.append(message)
                if self._told.allows(sender, now):
                    self._messages.append(Received(message.topic, b"", limited=True))
            self.dropped += len(dropped)
            if self._messages:
                self._condition.notify()
        return dropped

    def take(self, timeout: float) -> list[Received]:
        """All that is there, waiting up to `timeout` seconds for the first; empty if none came."""
        with self._condition:
            if not self._messages and not self._closed:
                self._condition.wait(timeout)
            taken, self._messages = self._messages, []
            self.since = self._came
            self._waiting.clear()
            return taken

    def close(self) -> None:
        """Wake the taker; nothing more will come."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def __len__(self) -> int:
        return len(self._messages)


# `tally/1/<shard>/<device_id>`: where the part of a topic that names the sender ends.
_SENDER_END = len(topics.up("0" * 32, "iou")) - len("/up/iou")
_FREQUENT = ("/iou", "/tick")
