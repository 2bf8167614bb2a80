"""What a device that is paid does: sell, believe credits, deliver within its window. Sans-IO.

The other half of a channel between devices: `device` pays, this is paid. Each method takes what
happened and the time, and returns the messages to publish as (kind, bytes). What is credited is in
the journal before it counts. What may be believed is `protocol.earning`'s to decide; this file only
puts those rules in order.
"""

from firmware.earnings import Earnings
from firmware.repeat import Repeat
from protocol import MAX_EARNED_PER_DEVICE, envelope, messages
from protocol.earning import EarnedChannel, read_mirror
from protocol.errors import ProtocolError, WireError
from protocol.listings import Sell, read_listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware.belief import Belief
    from firmware.identity import Identity
    from firmware.journal import Journal
    from protocol.pricing import Tariff

    Messages = list[tuple[str, bytes]]

QUIET_MS = 240_000
"""So long nothing may be credited on a channel before the gateway is asked whether it is over."""


class Sale:
    """What a device sells: `tariff` its price, at most `capacity` atomic units on one channel,
    `window` units unpaid, channels of at most `lifetime` seconds."""

    def __init__(self, tariff: "Tariff", capacity: int, window: int, lifetime: int) -> None:
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
        self._earnings = Earnings(journal)
        self._step = step
        self.sale = sale
        self.fee_bp = 0
        self.ignored = 0
        self.refusals: dict[str, int] = {}
        self._time = 0
        self._connected = False
        self._listed = False
        self._retry = Repeat()
        self._turned_away = False
        self._ask = Repeat()
        self._look_at = 0

    # What the world sees

    @property
    def total(self) -> int:
        """Units delivered, as last told."""
        return self._earnings.total

    @property
    def channels(self) -> "list[EarnedChannel]":
        """The channels that are not over, oldest first; the last one is delivered on."""
        return self._earnings.channels

    @property
    def proofs(self) -> "list[list[bytes]]":
        """Pairs of messages that the gateway signed and that can't both be honest."""
        return self._earnings.proofs

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
        self._look_at = now + QUIET_MS
        self._retry.answered()
        return self._sell(now)

    def on_disconnected(self) -> None:
        """The connection is gone; what is paid for is still delivered."""
        self._connected = False

    def on_meter(self, total: int) -> None:
        """The meter shows `total` units delivered; it never goes back."""
        if total > self.total:
            self._earnings.total = total
            if total - self._earnings.saved_total >= self._step:
                self._earnings.save()

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

    def asks_again(self, now: int) -> bool:
        """Whether a `hello` is to be said now, whose answer brings what may have been missed: the
        end of a channel, which holds a place as long as it is not known, or a mirror for which no
        place was left."""
        if not self._connected:
            return False
        if now >= self._look_at:
            self._look_at = now + QUIET_MS
            if self._is_quiet():
                return True
        if not self._turned_away:
            return False
        # The gateway counts places too, and opens no channel where none is left: one that is over
        # holds it.
        if len(self.channels) >= MAX_EARNED_PER_DEVICE and not self._ask.is_due(now):
            return False
        self._turned_away = False
        self._ask.said(now)
        self._ask.lengthen()
        return True

    def _is_quiet(self) -> bool:
        """Whether on one of the channels nothing was credited since the last look."""
        quiet = False
        for channel in self.channels:
            quiet = quiet or channel.seen == channel.amount
            channel.seen = channel.amount
        return quiet

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
        if message in [channel.mirror_message for channel in self.channels]:
            # A signature that is known to be good takes a board most of a second to check.
            return
        key = messages.read_terms(envelope.parse_sign1("mirror", message).payload).gateway_key
        if key not in self._belief.keys:
            raise WireError("mirror.gateway_key", "no key of the gateway's that is believed")
        terms = read_mirror(message, self._identity.public_key, key, self._identity.verify)
        channel_id = terms.channel_id()
        if self._earnings.channel(channel_id) is not None:
            return
        # Taken again, a channel would begin anew: with another window, and with nobody to pay.
        if self._earnings.is_over(channel_id):
            raise ProtocolError("closed", "mirror", "of a channel that is over")
        if terms.expiry <= max(self._earnings.floor, self._time):
            raise ProtocolError("expired", "mirror.expiry", "too early")
        self._make_room()
        self._ask.answered()
        self.channels.append(EarnedChannel(message, self.total))
        self._earnings.save()

    def _make_room(self) -> None:
        """Have a place for one more channel. Raises ProtocolError if all are taken."""
        if len(self.channels) < MAX_EARNED_PER_DEVICE:
            return
        # The receipt that closed a channel may have been lost. One that may be live is never given
        # up: it would come back with another window.
        for channel in self.channels:
            if channel.terms.expiry <= self._time:
                self._earnings.end(channel)
                return
        self._turned_away = True
        raise ProtocolError(
            "too_many_channels", "mirror", "no place is left", MAX_EARNED_PER_DEVICE
        )

    def _on_credit(self, message: bytes) -> None:
        channel = self._named(messages.read_credit, "credit", message)
        if channel is None or message == channel.credit:
            return
        credit = messages.read_credit(self._signed("credit", message, channel))
        try:
            news = channel.credited(credit, message)
        except ProtocolError:
            # Signed by the gateway: both together are proof against it. Once is enough: who says it
            # again must neither wear the flash nor displace another proof.
            if self._earnings.prove(channel.credit or channel.mirror_message, message):
                self._earnings.save()
            raise
        if news:
            channel.rebase(self.total)
            self._earnings.save()

    def _on_receipt(self, message: bytes) -> None:
        channel = self._named(messages.read_receipt, "receipt", message)
        if channel is None:
            return
        if channel.is_end(messages.read_receipt(self._signed("receipt", message, channel))):
            self._earnings.end(channel)
            self._earnings.save()

    def _on_refused(self, message: bytes) -> None:
        refused = messages.read_refused(self._belief.opened_mac("refused", message))
        if refused.kind == "sell":
            self.refusals[refused.reason] = self.refusals.get(refused.reason, 0) + 1

    def _named(
        self, read: "Callable[[bytes], object]", kind: str, message: bytes
    ) -> "EarnedChannel | None":
        """The channel that a message says it is about, which is not yet believed."""
        said = read(envelope.parse_sign1(kind, message).payload)
        return self._earnings.channel(said.channel)  # type: ignore[attr-defined]

    def _signed(self, kind: str, message: bytes, channel: EarnedChannel) -> bytes:
        return self._belief.signed_of(kind, message, channel.terms.gateway_key)

    _HANDLERS = {
        "listed": _on_listed,
        "mirror": _on_mirror,
        "credit": _on_credit,
        "receipt": _on_receipt,
        "refused": _on_refused,
    }
