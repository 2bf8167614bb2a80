"""What a device that is paid does: sell, believe credits, deliver within its window. Sans-IO.

The other half of a channel between devices: `device` pays, this is paid. Each method takes what
happened and the time, and returns the messages to publish as (kind, bytes). What is credited is in
the journal before it counts. What may be believed is `protocol.earning`'s to decide; this file only
puts those rules in order.
"""

from firmware.journal import JournalError
from firmware.repeat import Repeat
from protocol import MAX_EARNED_PER_DEVICE, cbor, envelope, messages
from protocol.earning import EarnedChannel, read_mirror, read_record
from protocol.errors import ProtocolError, WireError
from protocol.fields import array, integer, octets
from protocol.listings import Sell, read_listed
from protocol.pricing import Tariff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware.belief import Belief
    from firmware.identity import Identity
    from firmware.journal import Journal

    Messages = list[tuple[str, bytes]]

MAX_ENDED = 16
"""Channels that are over and kept in mind, so that their mirrors are not taken again. With those
that are not, and all else that is kept, they fit into `nvs_slots.LARGEST`."""
MAX_PROOFS = 4
"""Pairs of messages that are kept because both can't be honest."""


class Sale:
    """What a device sells: `tariff` its price, at most `capacity` atomic units on one channel,
    `window` units unpaid, channels of at most `lifetime` seconds."""

    def __init__(self, tariff: Tariff, capacity: int, window: int, lifetime: int) -> None:
        self.tariff = tariff
        self.capacity = capacity
        self.window = window
        self.lifetime = lifetime


class Earner:
    """One device that is paid. `step` is how many delivered units may be lost to a power cut."""

    def __init__(
        self, identity: "Identity", belief: "Belief", journal: "Journal", sale: Sale, step: int
    ) -> None:
        self._identity = identity
        self._belief = belief
        self._journal = journal
        self._step = step
        self.sale = sale
        self.total = 0
        self.fee_bp = 0
        self.ignored = 0
        self.refusals: dict[str, int] = {}
        self.channels: list[EarnedChannel] = []
        self.proofs: list[list[bytes]] = []
        self._ended: list[tuple[int, bytes]] = []
        # No mirror that expires by then is taken: it may be of a channel that is no longer kept in
        # mind. Payers who take the longest lifetime on offer expire in the order they opened.
        self._floor = 0
        self._time = 0
        stored = journal.load()
        if stored is not None:
            self._read(stored)
        self._saved_total = self.total
        self._connected = False
        self._listed = False
        self._turned_away = False
        self._retry = Repeat()

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
        self._floor = integer(parts[0], "earned.floor")
        for at in range(1, len(parts), 2):
            expiry = integer(parts[at], "earned.ended_expiry")
            self._ended.append((expiry, octets(parts[at + 1], "earned.ended_id")))

    def _save(self) -> None:
        rows = [channel.record() for channel in self.channels]
        ended: list[object] = [self._floor]
        for expiry, channel_id in self._ended:
            ended += [expiry, channel_id]
        try:
            self._journal.save(cbor.encode([self.total, rows, self.proofs, ended]))
        except OSError as error:
            raise JournalError("journal: " + str(error)) from error
        self._saved_total = self.total

    # What the world sees

    def may_deliver(self) -> bool:
        """Whether somebody pays for one more unit, or is to within the window."""
        return bool(self.channels) and self.channels[-1].may_deliver(self.total, self.sale.window)

    def unpaid(self) -> int:
        """Units delivered on the newest channel and not credited."""
        return self.channels[-1].unpaid(self.total) if self.channels else 0

    def earned(self) -> int:
        """What is credited on all channels that are not over, in atomic units."""
        return sum([channel.amount for channel in self.channels])

    # What happens

    def on_connected(self, now: int) -> "Messages":
        """The broker has accepted the connection and the subscription."""
        self._connected = True
        self._listed = False
        self._retry.answered()
        return self._sell(now)

    def on_disconnected(self) -> None:
        """The connection is gone; what is paid for is still delivered."""
        self._connected = False

    def on_meter(self, total: int) -> None:
        """The meter shows `total` units delivered; it never goes back."""
        if total > self.total:
            self.total = total
            if total - self._saved_total >= self._step:
                self._save()

    def on_gateway_time(self, seconds: int) -> None:
        """The gateway has signed that it is this late, in Unix seconds."""
        self._time = max(self._time, seconds)

    def on_time(self, now: int) -> "Messages":
        """Called at least a few times a second: repeats what got no answer."""
        if self._connected and not self._listed and self._retry.is_due(now):
            self._retry.lengthen()
            return self._sell(now)
        return []

    def _sell(self, now: int) -> "Messages":
        self._retry.said(now)
        message = envelope.sign1("sell", self._offered().payload(), self._identity.sign)
        return [("sell", message)]

    def _offered(self) -> Sell:
        sale = self.sale
        return Sell(
            self._identity.public_key,
            self._belief.key,
            sale.tariff,
            sale.capacity,
            sale.window,
            sale.lifetime,
        )

    def asks_again(self) -> bool:
        """Whether a mirror found no place before and there is one now, so that a `hello` is to
        bring it again; true once."""
        if not self._turned_away or len(self.channels) >= MAX_EARNED_PER_DEVICE:
            return False
        self._turned_away = False
        return True

    def on_message(self, kind: str, message: bytes, now: int) -> "Messages":
        """The gateway (or somebody who would be it) says something. What does not prove itself
        changes nothing and is counted."""
        handler = self._HANDLERS.get(kind)
        if handler is None:
            return []
        try:
            handler(self, message)
        except ProtocolError:
            self.ignored += 1
        return []

    # Being told

    def _on_listed(self, message: bytes) -> None:
        listed = read_listed(self._belief.opened_mac("listed", message))
        if listed.listing == self._offered().id():
            self._listed = True
            self.fee_bp = listed.fee_bp

    def _on_mirror(self, message: bytes) -> None:
        key = messages.read_terms(envelope.parse_sign1("mirror", message).payload).gateway_key
        if key not in self._belief.keys:
            raise WireError("mirror.gateway_key", "no key of the gateway's that is believed")
        terms = read_mirror(message, self._identity.public_key, key, self._identity.verify)
        channel_id = terms.channel_id()
        if self._by_id(channel_id) is not None:
            return
        # Taken again, a channel would begin anew: with another window, and with nobody to pay.
        if channel_id in [ended for _, ended in self._ended]:
            raise ProtocolError("closed", "mirror", "of a channel that is over")
        if terms.expiry <= max(self._floor, self._time):
            raise ProtocolError("expired", "mirror.expiry", "too early")
        self._make_room()
        self.channels.append(EarnedChannel(message, self.total))
        self._save()

    def _make_room(self) -> None:
        """Have a place for one more channel. Raises ProtocolError if all are taken."""
        if len(self.channels) < MAX_EARNED_PER_DEVICE:
            return
        # The receipt that closed a channel may have been lost. One that may be live is never given
        # up: it would come back with another window.
        for channel in self.channels:
            if channel.terms.expiry <= self._time:
                self._end(channel)
                return
        self._turned_away = True
        raise ProtocolError(
            "too_many_channels", "mirror", "no place is left", MAX_EARNED_PER_DEVICE
        )

    def _on_credit(self, message: bytes) -> None:
        channel = self._named(messages.read_credit, "credit", message)
        if channel is None:
            return
        credit = messages.read_credit(self._signed("credit", message, channel))
        try:
            news = channel.credited(credit, message)
        except ProtocolError:
            # Signed by the gateway: both together are proof against it. Once is enough: who says it
            # again must neither wear the flash nor displace another proof.
            if message not in [pair[-1] for pair in self.proofs]:
                self.proofs = self.proofs[1 - MAX_PROOFS :]
                self.proofs.append([channel.credit or channel.mirror_message, message])
                self._save()
            raise
        if news:
            channel.rebase(self.total)
            self._save()

    def _on_receipt(self, message: bytes) -> None:
        channel = self._named(messages.read_receipt, "receipt", message)
        if channel is None:
            return
        if channel.is_end(messages.read_receipt(self._signed("receipt", message, channel))):
            self._end(channel)
            self._save()

    def _end(self, channel: EarnedChannel) -> None:
        self.channels.remove(channel)
        self._ended.append((channel.terms.expiry, channel.id))
        if len(self._ended) > MAX_ENDED:
            first = min(self._ended)
            self._ended.remove(first)
            self._floor = max(self._floor, first[0])

    def _on_refused(self, message: bytes) -> None:
        refused = messages.read_refused(self._belief.opened_mac("refused", message))
        if refused.kind == "sell":
            self.refusals[refused.reason] = self.refusals.get(refused.reason, 0) + 1

    def _by_id(self, channel_id: bytes) -> "EarnedChannel | None":
        for channel in self.channels:
            if channel.id == channel_id:
                return channel
        return None

    def _named(
        self, read: "Callable[[bytes], object]", kind: str, message: bytes
    ) -> "EarnedChannel | None":
        """The channel that a message says it is about, which is not yet believed."""
        said = read(envelope.parse_sign1(kind, message).payload)
        return self._by_id(said.channel)  # type: ignore[attr-defined]

    def _signed(self, kind: str, message: bytes, channel: EarnedChannel) -> bytes:
        return self._belief.signed_of(kind, message, channel.terms.gateway_key)

    _HANDLERS = {
        "listed": _on_listed,
        "mirror": _on_mirror,
        "credit": _on_credit,
        "receipt": _on_receipt,
        "refused": _on_refused,
    }
