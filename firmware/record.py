"""What a device must not forget: the meter's total, its channels, and its latest receipts.

What may live here: the record's contents and their encoding. When it is saved is the device's to
decide, how it survives a power cut the journal's.
"""

from firmware.journal import JournalError
from protocol import cbor
from protocol.errors import WireError
from protocol.fields import array, integer, octets
from protocol.payer import read_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.journal import Journal
    from protocol.payer import PayerChannel

MAX_RECEIPTS = 4
"""The latest that are kept; older ones are the owner's to collect in time."""


class Record:
    """The journal's one record, in memory. `base` is the total up to which units belong to channels
    that are over; a device with an empty journal begins at zero."""

    def __init__(self, journal: "Journal") -> None:
        self._journal = journal
        self.total = 0
        self.base = 0
        self.channels: list[PayerChannel] = []
        self.receipts: list[bytes] = []
        stored = journal.load()
        if stored is not None:
            self._read(stored)
        self.saved_total = self.total

    def _read(self, stored: bytes) -> None:
        parts = array(cbor.decode(stored), "record")
        if len(parts) != 4:
            raise WireError("record", "must have 4 parts")
        self.total = integer(parts[0], "record.total")
        self.base = integer(parts[1], "record.base")
        self.channels = [read_record(row) for row in array(parts[2], "record.channels")]
        self.receipts = [octets(each, "record.receipt") for each in array(parts[3], "receipts")]

    def save(self) -> None:
        """Make it durable; on return it is. Raises JournalError, after which what is in memory is
        ahead of the journal and nothing more may be said."""
        rows = [channel.record() for channel in self.channels]
        try:
            self._journal.save(cbor.encode([self.total, self.base, rows, self.receipts]))
        except OSError as error:
            # Not an OSError to those above: the network has such too, and gets over them.
            raise JournalError("journal: " + str(error)) from error
        self.saved_total = self.total

    def end(self, channel: "PayerChannel", base: int, receipt: bytes) -> None:
        """A channel is over, paid up to the total `base`; its signed receipt, if there is one, is
        kept. Durable on return."""
        self.channels.remove(channel)
        self.base = max(0, base)
        if receipt:
            self._add(receipt)
        self.save()

    def keep(self, receipt: bytes) -> None:
        """Keep a receipt. Durable on return."""
        self._add(receipt)
        self.save()

    def _add(self, receipt: bytes) -> None:
        # MicroPython has no [*list, item].
        self.receipts = self.receipts[1 - MAX_RECEIPTS :]
        self.receipts.append(receipt)

    def is_blank(self) -> bool:
        """Whether nothing in it shows that this device ever signed anything: it is new, or has lost
        its journal."""
        return not self.channels and not self.receipts and self.base == 0
