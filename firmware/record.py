"""What a device must not forget: the meter's total, its channels, its latest receipts, and the keys
that followed the gateway's.

What may live here: the record's contents and their encoding. When it is saved is the device's to
decide, how it survives a power cut the journal's.
"""

from firmware.journal import JournalError
from protocol import cbor, envelope
from protocol.errors import WireError
from protocol.fields import array, data, integer, octets
from protocol.messages import CLOSE, read_receipt, read_terms
from protocol.payer import read_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.journal import Journal
    from protocol.messages import Receipt
    from protocol.payer import PayerChannel

MAX_RECEIPTS = 4
"""The latest that are kept; older ones are the owner's to collect in time."""
MAX_OVER = 4
"""The channels that were closed last: their terms and receipts are kept, so that they can be shown
to a gateway whose books were restored from before they closed."""


class Record:
    """The journal's one record, in memory. `base` is the total up to which units belong to channels
    that are over; a device with an empty journal begins at zero. `keys` are those of the gateway's
    that were believed, oldest first, none or one if none was followed yet."""

    def __init__(self, journal: "Journal") -> None:
        self._journal = journal
        self.total = 0
        self.base = 0
        self.channels: list[PayerChannel] = []
        self.over: list[list[bytes]] = []
        self.keys: list[bytes] = []
        self._receipts: list[bytes] = []
        stored = journal.load()
        if stored is not None:
            self._read(stored)
        self.saved_total = self.total

    def _read(self, stored: bytes) -> None:
        parts = array(cbor.decode(stored), "record")
        if not 4 <= len(parts) <= 6:
            raise WireError("record", "must have 4 to 6 parts")
        self.total = integer(parts[0], "record.total")
        self.base = integer(parts[1], "record.base")
        self.channels = [read_record(row) for row in array(parts[2], "record.channels")]
        self._receipts = [octets(each, "record.receipt") for each in array(parts[3], "receipts")]
        if len(parts) > 4:
            self.over = [_over(pair) for pair in array(parts[4], "record.over")]
            if not self.over and len(parts) == 5:
                raise WireError("record.over", "is left out where there is none")
        if len(parts) > 5:
            self.keys = [data(key, 32, "record.key") for key in array(parts[5], "record.keys")]
            if len(self.keys) < 2:
                raise WireError("record.keys", "is left out where no key was followed")

    def save(self) -> None:
        """Make it durable; on return it is. Raises JournalError, after which what is in memory is
        ahead of the journal and nothing more may be said."""
        rows = [channel.record() for channel in self.channels]
        try:
            parts = [self.total, self.base, rows, self._receipts]
            followed = len(self.keys) > 1
            if self.over or followed:
                parts.append(self.over)
            if followed:
                parts.append(self.keys)
            self._journal.save(cbor.encode(parts))
        except OSError as error:
            # Not an OSError to those above: the network has such too, and gets over them.
            raise JournalError("journal: " + str(error)) from error
        self.saved_total = self.total

    def end(self, channel: "PayerChannel", base: int, receipt: bytes) -> None:
        """A channel is over, paid up to the total `base`; its signed receipt, if there is one, is
        kept. Durable on return."""
        last = self.channels[-1] is channel
        self.channels.remove(channel)
        if last:
            self.base = max(0, base)
            for older in self.channels:
                # It ended before this one did: its end, when told, must not move the base back.
                older.base = self.base - older.signed_units
        if receipt:
            self.over = self.over[1 - MAX_OVER :]
            kept = [channel.open_message, receipt]
            if channel.leg:
                kept.append(channel.leg)
            self.over.append(kept)
        self.save()

    def keep(self, receipt: bytes) -> None:
        """Keep a receipt. Durable on return."""
        # MicroPython has no [*list, item].
        self._receipts = self._receipts[1 - MAX_RECEIPTS :]
        self._receipts.append(receipt)
        self.save()

    @property
    def receipts(self) -> list[bytes]:
        """The latest receipts: those of closed channels, then others."""
        return [pair[1] for pair in self.over] + self._receipts

    def channel(self, channel_id: bytes) -> "PayerChannel | None":
        """The channel with this id that is not over."""
        for channel in self.channels:
            if channel.id == channel_id:
                return channel
        return None

    def gateway_key_of(self, channel_id: bytes) -> "bytes | None":
        """The gateway's key in the terms of a channel that is here, or was here last."""
        channel = self.channel(channel_id)
        if channel is not None:
            return channel.terms.gateway_key
        for pair in self.over:
            terms = read_terms(envelope.parse_sign1("open", pair[0]).payload)
            if terms.channel_id() == channel_id:
                return terms.gateway_key
        return None

    def is_blank(self) -> bool:
        """Whether nothing in it shows that this device ever signed anything: it is new, or has lost
        its journal."""
        return not self.channels and not self.receipts and self.base == 0

    def close_of(self, channel_id: bytes) -> "Receipt | None":
        """The kept receipt that says that this channel is closed."""
        for message in self.receipts:
            receipt = read_receipt(envelope.parse_sign1("receipt", message).payload)
            if receipt.channel == channel_id and receipt.event == CLOSE:
                return receipt
        return None


def _over(kept: object) -> list[bytes]:
    """Terms and receipt of a channel that is over, and its last leg. Raises WireError."""
    found = [octets(each, "record.over") for each in array(kept, "record.over")]
    if len(found) not in (2, 3):
        raise WireError("record.over", "must have 2 or 3 parts")
    return found
