"""The chain that a payer's last IOU commits to, and how much of it is revealed.

A value of the chain can be revealed only as far as the journal has reserved it, so that a device
never says what it could forget; which of the reserved ones were, it may forget: they prove
themselves, since one chain can say but one thing.
"""

from protocol.errors import ProtocolError, WireError
from protocol.fields import data, integer
from protocol.hashchain import MAX_LENGTH, MAX_STEPS, Chain

RESERVE = 64
"""How many ticks beyond the one at hand are journaled at once: one write to the flash for so many
ticks, and after a power cut at most so many that the meter may have lost."""


class Ticker:
    """`base` is the units of the IOU that commits to the chain, `index` the last tick revealed,
    `reserved` the last that the journal lets be revealed."""

    def __init__(self, secret: bytes, length: int, base: int, reserved: int = 0) -> None:
        self.chain = Chain(secret, length)
        self.base = base
        self.index = 0
        self.reserved = reserved

    def reaches(self, units: int, acked_units: int) -> bool:
        """Whether a tick can say `units`, the gateway having acknowledged `acked_units`."""
        if not 0 < units - self.base <= self.chain.length:
            return False
        # Half of what a receiver takes, since an ack may be on its way.
        return units - max(acked_units, self.base) <= MAX_STEPS // 2

    def may_have_said(self, units: int) -> bool:
        """Whether ticks that the device has forgotten may have said so many units."""
        return self.base < units <= self.base + self.reserved

    def reserve(self, index: int) -> bool:
        """Let ticks up to `index` be revealed; true if that is to be journaled first."""
        if index <= self.reserved:
            return False
        self.reserved = min(self.chain.length, index + RESERVE)
        return True

    def reveal(self, index: int) -> bytes:
        """The preimage of tick `index`. Raises ProtocolError unless it is new and reserved."""
        if not self.index < index <= self.reserved:
            raise ProtocolError("bad_tick", "tick.index", "not the next one, or not journaled")
        self.index = index
        return self.chain.value(index)

    def record(self) -> list[object]:
        """What must outlive a power cut."""
        return [self.chain.secret, self.chain.length, self.reserved]


def read_ticker(parts: "list[object]", base: int, root: bytes) -> Ticker:
    """The ticker that `record()` gave, of an IOU for `base` units that commits to `root`. Raises
    WireError if it is damaged."""
    length = integer(parts[1], "record.chain_length")
    if not 1 <= length <= MAX_LENGTH:
        raise WireError("record.chain_length", "must be 1..65536")
    ticker = Ticker(
        data(parts[0], 32, "record.chain"), length, base, integer(parts[2], "record.reserved")
    )
    if ticker.reserved > length or ticker.chain.root != root:
        raise WireError("record.chain", "not the one that the IOU commits to")
    return ticker
