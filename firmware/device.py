"""What a device does: meter, sign, journal, publish, and whom it believes. Sans-IO.

Each method takes what happened and the time, and returns the messages to publish as (kind, bytes).
Whatever they rest on is in the journal before they are returned, so a device never says what it
could forget. What may be signed and believed is `protocol.payer`'s to decide; this file only puts
those rules in order. No socket, no clock, no pins: see `link` and `app`.
"""

from firmware.over import Over
from firmware.record import Record
from protocol import envelope, messages, payer
from protocol.errors import ProtocolError, WireError
from protocol.ids import device_id
from protocol.messages import CLOSE, Close, Hello, Offer, Terms
from protocol.payer import CLOSING, OPENING, PayerChannel
from protocol.reasons import FINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware.journal import Journal

    Messages = list[tuple[str, bytes]]

RETRY_MS = 3_000
"""First wait for an answer, in milliseconds; it doubles up to RETRY_LONGEST_MS."""
RETRY_LONGEST_MS = 60_000
FLUSH_MS = 1_000
"""How long the meter must stand still before units that do not fill a step are signed too."""

_RECEIPT_FOLLOWS = ("closed", "expired")
# Only the gateway's signed receipt says where payment on a channel ended.
_OPERATOR_DECIDES = ("frozen", "conflict", "device_suspended")
_PASSES = ("unavailable", "rate_limited")
# Nothing was decided: what got no answer is repeated.
_WAIT = _RECEIPT_FOLLOWS + _OPERATOR_DECIDES + _PASSES


class Identity:
    """The device's key and what follows from it. `sign(message)` makes its Ed25519 signature,
    `verify(key, message, signature)` checks anybody's, `mac_key` is shared with the gateway."""

    def __init__(
        self,
        public_key: bytes,
        gateway_key: bytes,
        mac_key: bytes,
        sign: "Callable[[bytes], bytes]",
        verify: "Callable[[bytes, bytes, bytes], bool]",
    ) -> None:
        self.id = device_id(public_key)
        self.public_key = public_key
        self.gateway_key = gateway_key
        self.mac_key = mac_key
        self.sign = sign
        self.verify = verify


class Device:
    """One device. `unit` is what its meter counts (UCUM), `step` how many units go into one IOU
    while it delivers, `capacity` the most that it lets one channel owe (atomic units). Units are in
    the journal when they fill a step or have waited `flush_ms` for the next: a power cut costs less
    than a step."""

    def __init__(
        self,
        identity: Identity,
        journal: "Journal",
        random_bytes: "Callable[[int], bytes]",
        unit: str,
        step: int,
        capacity: int,
        flush_ms: int = FLUSH_MS,
    ) -> None:
        self.identity = identity
        self.unit = unit
        self.step = step
        self.flush_ms = flush_ms
        self.capacity = capacity
        self.refusals: dict[str, int] = {}
        self.ignored = 0
        self.offer: Offer | None = None
        self.gateway_time = 0
        self.wants_channel = True
        self._random_bytes = random_bytes
        self._record = Record(journal)
        self._connected = False
        self._nonce = b""
        self._resumed = False
        self._generation = 0
        for channel in self.channels:
            self._generation = max(self._generation, payer.generation(channel.serial))
        self._over = Over(identity, self._record)
        self._retry_at = 0
        self._retry_ms = RETRY_MS
        self._flush_at = 0

    # What the world sees

    @property
    def total(self) -> int:
        """The meter's total, in units, as last told."""
        return self._record.total

    @property
    def channels(self) -> list[PayerChannel]:
        """The channels that are not over, oldest first; the last one is paid on."""
        return self._record.channels

    @property
    def receipts(self) -> list[bytes]:
        """The latest receipts, signed by the gateway."""
        return self._record.receipts

    def current(self) -> "PayerChannel | None":
        """The channel that is paid on, if there is one."""
        if self.channels and self.channels[-1].state != CLOSING:
            return self.channels[-1]
        return None

    def may_deliver(self) -> bool:
        """Whether the relay may be closed: one more unit would still lie within the window."""
        channel = self.current()
        return channel is not None and channel.may_deliver(self.total)

    def unpaid(self) -> int:
        """Units that were metered and that the gateway has not acknowledged."""
        paid = self._record.base
        for channel in self.channels:
            paid = max(paid, channel.base + channel.acked_units)
        return max(0, self.total - paid)

    # What happens

    def on_connected(self, now: int) -> "Messages":
        """The broker has accepted the connection and the subscription."""
        self._connected = True
        return self._greet(now)

    def _greet(self, now: int) -> "Messages":
        self._resumed = False
        self._nonce = self._random_bytes(messages.NONCE_SIZE)
        self._retry_ms = RETRY_MS
        return self._sent([self._hello()], now)

    def on_disconnected(self) -> None:
        """The connection is gone; metering goes on."""
        self._connected = False
        self._resumed = False

    def on_meter(self, total: int, now: int) -> "Messages":
        """The meter shows `total` units; it never goes back."""
        if total <= self.total:
            return []
        could_deliver = self.may_deliver()
        self._record.total = total
        self._flush_at = now + self.flush_ms
        stops = could_deliver and not self.may_deliver()
        if stops or total - self._record.saved_total >= self.step:
            return self._pay(now)
        return []

    def on_time(self, now: int) -> "Messages":
        """Called at least a few times a second: pays what waits, repeats what got no answer."""
        sending: Messages = []
        if self._flush_at and now >= self._flush_at:
            sending = self._pay(now)
        if self._connected and now >= self._retry_at:
            again = self._unanswered()
            if again:
                self._retry_ms = min(2 * self._retry_ms, RETRY_LONGEST_MS)
                return self._sent(again, now)
        return sending

    def finish(self, now: int) -> "Messages":
        """Close the channel that is paid on and open no other."""
        self.wants_channel = False
        return self._pay(now) + self._close(now)

    def on_message(self, kind: str, message: bytes, now: int) -> "Messages":
        """The gateway (or somebody who would be it) says something. What does not prove itself
        changes nothing and is counted."""
        handler = self._HANDLERS.get(kind)
        if handler is None:
            self.ignored += 1
            return []
        try:
            return handler(self, message, now)
        except ProtocolError:
            self.ignored += 1
            return []

    # Paying

    def _pay(self, now: int) -> "Messages":
        """Journal what was metered, and sign what it costs if there is anyone to hear it."""
        self._flush_at = 0
        channel = self.current()
        message = b""
        if channel is not None and self._resumed:
            iou = channel.next_iou(self.total)
            if iou is not None:
                message = envelope.sign1("iou", iou.payload(), self.identity.sign)
                channel.signed(iou, message)
        self._record.save()
        sending: Messages = []
        if message:
            sending.append(("iou", message))
        if channel is not None and self._resumed and channel.is_full(self.total):
            return sending + self._close(now)
        return self._sent(sending, now)

    def _close(self, now: int) -> "Messages":
        channel = self.current()
        if channel is None:
            return []
        channel.state = CLOSING
        self._record.save()
        return self._sent([self._close_message(channel)], now)

    def _close_message(self, channel: PayerChannel) -> "tuple[str, bytes]":
        payload = Close(channel.id, channel.iou).payload()
        return "close", envelope.sign1("close", payload, self.identity.sign)

    def _open(self, now: int) -> "Messages":
        """Open a channel if there is none and an offer for it."""
        offer = self.offer
        if offer is None or self.channels or not self._resumed or not self.wants_channel:
            return []
        terms = Terms(
            self.identity.public_key,
            offer.payee_key,
            self.identity.gateway_key,
            offer.tariff,
            min(self.capacity, offer.max_capacity),
            offer.time + offer.max_lifetime,
            self._random_bytes(messages.NONCE_SIZE),
        )
        message = envelope.sign1("open", terms.payload(), self.identity.sign)
        self.channels.append(PayerChannel(message, self._record.base))
        self._record.save()
        return self._sent([("open", message)], now)

    def _hello(self) -> "tuple[str, bytes]":
        payload = Hello(self._nonce).payload()
        return "hello", envelope.mac0("hello", payload, self.identity.mac_key)

    def _unanswered(self) -> "Messages":
        """Everything that an answer is still due to."""
        if not self._resumed:
            return [self._hello()]
        found = self._over.unanswered()
        for channel in self.channels:
            if channel.state == OPENING:
                found.append(("open", channel.open_message))
            elif channel.state == CLOSING:
                found.append(self._close_message(channel))
            elif not channel.is_settled():
                found.append(("iou", channel.iou))
        if not found and self.wants_channel and not self.may_deliver():
            # No channel, and what was offered was refused: ask for what is offered now. Or a
            # channel on which all is paid and nothing may be delivered: an operator has decided
            # so, and the grant that takes it back may be lost.
            found.append(self._hello())
        return found

    def _sent(self, sending: "Messages", now: int) -> "Messages":
        if not self._connected:
            return []
        # An IOU puts no repetition off: a device that pays without a pause would never say again
        # that an older channel is closed.
        if sending and (sending[-1][0] != "iou" or now >= self._retry_at):
            self._retry_at = now + self._retry_ms
        return sending

    def _answered(self) -> None:
        self._retry_ms = RETRY_MS

    # Being told

    def _by_id(self, channel_id: bytes) -> "PayerChannel | None":
        for channel in self.channels:
            if channel.id == channel_id:
                return channel
        return None

    def _opened_mac(self, kind: str, message: bytes) -> bytes:
        return envelope.open_mac0(kind, message, self.identity.mac_key)

    def _opened_sign(self, kind: str, message: bytes) -> bytes:
        return envelope.open_sign1(kind, message, self.identity.gateway_key, self.identity.verify)

    def _on_resume(self, message: bytes, now: int) -> "Messages":
        resume = messages.read_resume(self._opened_mac("resume", message))
        if resume.nonce != self._nonce:
            raise WireError("resume.nonce", "not the answer to the last hello")
        identity = self.identity
        # A device that has its journal knows its channels; one that it does not know is over. Taken
        # up again, with an older IOU, it would be signed on lower than before.
        lost = self._record.is_blank()
        listed = []
        restored = False
        for known in resume.channels:
            channel_id = payer.resumed_id(known)
            channel = self._by_id(channel_id)
            listed.append(channel_id)
            restored = self._is_restored(known.serial) or restored
            try:
                if channel is not None:
                    channel.resumed(known, self.total, identity.verify)
                elif self._record.close_of(channel_id) is not None:
                    # The gateway lost that it is closed.
                    self._over.close(known.open_message)
                elif lost:
                    channel = payer.adopt(
                        known,
                        identity.public_key,
                        identity.gateway_key,
                        self.total,
                        identity.verify,
                    )
                    self.channels.insert(0, channel)
            except ProtocolError:
                self.ignored += 1
        if not self._resumed:
            # Not after a hello that asked for another offer: that one is repeated ever less often.
            self._answered()
        self._resumed = True
        self._close_all_but_last()
        if restored:
            self._over.show_all()
        for channel in self.channels:
            if channel.id not in listed:
                # The gateway does not list it: it is over, or the gateway lost it. Its terms,
                # shown again, get the answer which.
                channel.show_again()
        return self._pay(now) + self._resend(now)

    def _is_restored(self, serial: int) -> bool:
        """Whether a serial tells, for the first time, that the gateway was restored."""
        found = payer.generation(serial)
        if found <= self._generation:
            return False
        self._generation = found
        return True

    def _close_all_but_last(self) -> None:
        for channel in self.channels[:-1]:
            channel.state = CLOSING

    def _resend(self, now: int) -> "Messages":
        found = [pair for pair in self._unanswered() if pair[0] != "hello"]
        return self._sent(found, now)

    def _on_offer(self, message: bytes, now: int) -> "Messages":
        offer = messages.read_offer(self._opened_sign("offer", message))
        if offer.gateway_key != self.identity.gateway_key:
            raise WireError("offer.gateway_key", "another gateway's")
        self.gateway_time = offer.time
        if offer.tariff.unit != self.unit:
            return []
        self.offer = offer
        return self._open(now)

    def _on_opened(self, message: bytes, now: int) -> "Messages":
        opened = messages.read_opened(self._opened_sign("opened", message))
        if self._is_restored(opened.serial):
            self._over.show_all()
        if self._over.opened(opened.channel):
            return self._resend(now)
        channel = self._by_id(opened.channel)
        if channel is None:
            return []
        channel.opened(opened.limit, opened.serial)
        self._answered()
        return self._pay(now) or self._resend(now)

    def _on_ack(self, message: bytes, now: int) -> "Messages":
        ack = messages.read_ack(self._opened_mac("ack", message))
        if payer.generation(ack.serial) > self._generation:
            return self._greet(now) if self._resumed else []
        channel = self._by_id(ack.channel)
        if channel is None:
            return []
        serial = channel.serial
        channel.acked(ack)
        self._answered()
        if channel.serial != serial:
            # An operator's decision, which the grant that told it first may not have brought.
            self._record.save()
        return []

    def _on_grant(self, message: bytes, now: int) -> "Messages":
        grant = messages.read_grant(self._opened_mac("grant", message))
        if payer.generation(grant.serial) > self._generation:
            # The gateway was restored, perhaps from before it knew a channel or its end.
            return self._greet(now) if self._resumed else []
        channel = self._by_id(grant.channel)
        if channel is not None:
            channel.granted(grant)
            self._record.save()
        return []

    def _on_receipt(self, message: bytes, now: int) -> "Messages":
        receipt = messages.read_receipt(self._opened_sign("receipt", message))
        if receipt.event == CLOSE:
            self._over.closed(receipt.channel)
        channel = self._by_id(receipt.channel)
        if channel is None:
            return []
        if receipt.event == CLOSE:
            base = channel.carried(self.total, receipt)
            self._record.end(channel, base, message)
            self._answered()
            return self._open(now)
        self._record.keep(message)
        return []

    def _on_refused(self, message: bytes, now: int) -> "Messages":
        refused = messages.read_refused(self._opened_mac("refused", message))
        self.refusals[refused.reason] = self.refusals.get(refused.reason, 0) + 1
        channel = self._by_id(refused.channel)
        if refused.reason in _WAIT:
            return []
        if channel is None:
            return self._sent(self._over.refused(refused.channel, refused.reason), now)
        if refused.reason == "unknown_channel" and refused.kind in ("iou", "close"):
            # It accepted these terms once. Until it refuses them nothing that is signed is given
            # up: shown again, they are accepted again, and the IOU after them.
            channel.show_again()
            return self._sent([("open", channel.open_message)], now)
        if refused.kind == "open" or refused.reason in FINAL:
            self._record.end(channel, channel.carried(self.total, None), b"")
            if refused.kind == "open":
                self.offer = None
            return self._open(now)
        return []

    _HANDLERS = {
        "resume": _on_resume,
        "offer": _on_offer,
        "opened": _on_opened,
        "ack": _on_ack,
        "grant": _on_grant,
        "receipt": _on_receipt,
        "refused": _on_refused,
    }
