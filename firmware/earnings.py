"""What a device that is paid must not forget: what it delivered, the channels that pay for it,
those that are over, and proofs against its gateway.

What may live here: the record's contents and their encoding. What counts as credited is
`protocol.earning`'s to decide, when it is saved the earner's.
"""

from firmware.journal import JournalError
from protocol import cbor
from protocol.earning import EarnedChannel, read_record
from protocol.errors import WireError
from protocol.fields import array, integer, octets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.journal import Journal

MAX_ENDED = 16
"""Channels that are over and kept in mind, so that their mirrors are not taken again. With those
that are not, and all else that is kept, they fit into `nvs_slots.LARGEST`."""
MAX_PROOFS = 4
"""Pairs of messages that are kept because both can't be honest."""


class Earnings:
    """The journal's one record, in memory."""

    def __init__(self, journal: "Journal") -> None:
        self._journal = journal
        self.total = 0
        self.channels: list[EarnedChannel] = []
        self.proofs: list[list[bytes]] = []
        self._ended: list[tuple[int, bytes]] = []
        # No mirror that expires by then is taken: it may be of a channel that is no longer kept in
        # mind. Payers who take the longest lifetime on offer expire in the order they opened.
        self.floor = 0
        stored = journal.load()
        if stored is not None:
            self._read(stored)
        self.saved_total = self.total

    def _read(self, stored: bytes) -> None:
        parts = array(cbor.decode(stored), "earned")
        # Records had three parts before channels that are over were kept in mind.
        if len(parts) not in (3, 4):
            raise WireError("earned", "must have 3 or 4 parts")
        self.total = integer(parts[0], "earned.total")
        self.channels = [read_record(row) for row in array(parts[1], "earned.channels")]
        for pair in array(parts[2], "earned.proofs"):
            self.proofs.append([octets(each, "earned.proof") for each in array(pair, "proof")])
        if len(parts) == 4:
            self._read_ended(array(parts[3], "earned.ended"))

    def _read_ended(self, parts: "list[object]") -> None:
        if len(parts) % 2 != 1:
            raise WireError("earned.ended", "must have a floor, then pairs")
        self.floor = integer(parts[0], "earned.floor")
        for at in range(1, len(parts), 2):
            expiry = integer(parts[at], "earned.ended_expiry")
            self._ended.append((expiry, octets(parts[at + 1], "earned.ended_id")))

    def save(self) -> None:
        """Make it durable; on return it is. Raises JournalError."""
        rows = [channel.record() for channel in self.channels]
        ended: list[object] = [self.floor]
        for expiry, channel_id in self._ended:
            ended += [expiry, channel_id]
        try:
            self._journal.save(cbor.encode([self.total, rows, self.proofs, ended]))
        except OSError as error:
            raise JournalError("journal: " + str(error)) from error
        self.saved_total = self.total

    def channel(self, channel_id: bytes) -> "EarnedChannel | None":
        """The channel with this id that is not over."""
        for channel in self.channels:
            if channel.id == channel_id:
                return channel
        return None

    def is_over(self, channel_id: bytes) -> bool:
        """Whether a channel is known to be over."""
        return channel_id in [ended for _, ended in self._ended]

    def end(self, channel: EarnedChannel) -> None:
        """A channel is over."""
        self.channels.remove(channel)
        self._ended.append((channel.terms.expiry, channel.id))
        if len(self._ended) > MAX_ENDED:
            first = min(self._ended)
            self._ended.remove(first)
            self.floor = max(self.floor, first[0])

    def prove(self, first: bytes, second: bytes) -> bool:
        """Keep two messages that can't both be honest; False if the second is kept already."""
        if second in [pair[-1] for pair in self.proofs]:
            return False
        self.proofs = self.proofs[1 - MAX_PROOFS :]
        self.proofs.append([first, second])
        return True
