"""What the hot path says of itself to a trace: where a batch is, and which of its steps.

Here is the one that tells nobody and costs nothing; `gateway.tracing` has the one that tells. No
payload, no amount and no device is ever given to either.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from gateway.ingest.inbox import Received


class Spans(Protocol):
    """Whoever follows batches. All of it is called by the worker's thread alone."""

    def batch(self, messages: Sequence[Received], since: int) -> AbstractContextManager[object]:
        """All that is done with a batch; `since` is when the first of it came, in nanoseconds of
        the monotonic clock."""

    def step(self, name: str) -> AbstractContextManager[object]:
        """One step of the batch at hand."""

    def raised(self, channel_ids: Iterable[bytes]) -> None:
        """The marks of these channels were raised, and are on disk."""


class NoSpans:
    """Nobody follows."""

    def batch(self, messages: Sequence[Received], since: int) -> AbstractContextManager[object]:
        """Nothing."""
        return _NOTHING

    def step(self, name: str) -> AbstractContextManager[object]:
        """Nothing."""
        return _NOTHING

    def raised(self, channel_ids: Iterable[bytes]) -> None:
        """Nothing."""


_NOTHING = nullcontext()
NOBODY = NoSpans()
