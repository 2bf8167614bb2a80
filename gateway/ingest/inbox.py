"""What has arrived and is not yet in a batch.

Bounded per device before anything is parsed, so that one that floods can neither fill the memory
nor starve the others. What is dropped costs nothing: the next IOU contains it.
"""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from protocol import topics

MAX_WAITING_PER_DEVICE = 256


@dataclass(frozen=True, slots=True)
class Received:
    """One MQTT message as it came. `mid` and `epoch` name it to the connection that brought it,
    for the PUBACK that follows the commit (mid 0: none is due)."""

    topic: str
    payload: bytes
    retain: bool = False
    mid: int = 0
    epoch: int = 0


class Inbox:
    """A queue that gives out everything it holds at once."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._messages: list[Received] = []
        self._waiting: Counter[str] = Counter()
        self._closed = False
        self.dropped = 0

    def put(self, messages: Iterable[Received]) -> list[Received]:
        """Add these messages; those that were dropped, since their device has too many waiting."""
        dropped = []
        with self._condition:
            for message in messages:
                sender = message.topic[:_SENDER_END]
                if self._waiting[sender] >= MAX_WAITING_PER_DEVICE:
                    dropped.append(message)
                else:
                    self._waiting[sender] += 1
                    self._messages.append(message)
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
