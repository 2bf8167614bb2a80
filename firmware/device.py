"""What a device does: meter, sign, journal, publish, and whom it believes. Sans-IO.

Each method takes what happened and the time, and returns the messages to publish as (kind, bytes).
Whatever they rest on is in the journal before they are returned, so a device never says what it
could forget. What may be signed and believed is `protocol.payer`'s to decide; this file only puts
those rules in order. No socket, no clock, no pins: see `link` and `app`.
"""

from binascii import unhexlify

from firmware.belief import Belief
from firmware.over import Over
from firmware.record import Record
from firmware.repeat import Repeat
from protocol import envelope, messages, payer
from protocol.errors import ProtocolError, WireError
from protocol.ids import device_id
from protocol.messages import CLOSE, TICK_HANDLE_SIZE, Close, Hello, Offer, Terms, Tick
from protocol.payer import CLOSING, OPEN, OPENING, PayerChannel
from protocol.reasons import FINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware.identity import Identity
    from firmware.journal import Journal
    from firmware.topups import Topups
    from protocol.messages import Iou, Refused

    Messages = list[tuple[str, bytes]]

FLUSH_MS = 1_000
"""How long the meter must stand still before units that do not fill a step are signed too."""

_RECEIPT_FOLLOWS = ("closed", "expired")
# Only the gateway's signed receipt says where payment on a channel ended.
_OPERATOR_DECIDES = ("frozen", "conflict", "device_suspended")
_PASSES = ("unavailable", "rate_limited")
_NO_TICK = ("no_chain", "bad_tick")
# Nothing was decided: what got no answer is repeated.
_WAIT = _RECEIPT_FOLLOWS + _OPERATOR_DECIDES + _PASSES


class Device:
    """One device. `unit` is what its meter counts (UCUM), `step` how many units go into one IOU
    while it delivers, `capacity` the most that it lets one channel owe (atomic units). Units are in
    the journal when they fill a step or have waited `flush_ms` for the next: a power cut costs less
    than a step. With `chain_length` above 0 an IOU commits to a hash chain of so many ticks, and
    units are paid for by a tick each time that the meter is looked at, until it has run out.
    `payee` is the id of the device that it buys from; without, it buys from its gateway. With
    `topup` above 0 a channel opens with so much, and is topped up by so much before it runs out,
    up to `capacity`. A price by which the first 1,000 units of a channel cost more than
    `highest_price` atomic units, if that is not 0, it does not take."""

    def __init__(
        self,
        identity: "Identity",
        journal: "Journal",
        random_bytes: "Callable[[int], bytes]",
        unit: str,
        step: int,
        capacity: int,
        flush_ms: int = FLUSH_MS,
        chain_length: int = 0,
        payee: str = "",
        topup: int = 0,
    ) -> None:
        self.identity = identity
        self.highest_price = 0
        self.payee = payee
        self.chain_length = chain_length
        self.unit = unit
        self.step = step
        self.flush_ms = flush_ms
        self.capacity = capacity
        self.refusals: dict[str, int] = {}
        self.ignored = 0
        self.offer: Offer | None = None
        self.gateway_time = 0
        self.funds_left: int | None = None
        """What its account has left to reserve, in atomic units, while the gateway says that this
        is little; else None."""
        self.wants_channel = True
        self._random_bytes = random_bytes
        self._record = Record(journal)
        self._belief = Belief(identity, self._record)
        self._topups = self._begin_topups(topup) if topup else None
        self._connected = False
        self._nonce = b""
        self._resumed = False
        self._generation = 0
        for channel in self.channels:
            self._generation = max(self._generation, payer.generation(channel.serial))
        self._over = Over(identity, self._record)
        self._retry = Repeat()
        self._flush_at = 0

    def _begin_topups(self, portion: int) -> "Topups":
        # Loaded by those that use it, as some others here: a board's memory is scarce.
        from firmware.topups import Topups

        return Topups(self.identity, self._record, portion, self.capacity)

    # What the world sees

    @property
    def total(self) -> int:
        """The meter's total, in units, as last told."""
        return self._record.total

    @property
    def belief(self) -> Belief:
        """Which keys of the gateway's it believes."""
        return self._belief

    @property
    def gateway_key(self) -> bytes:
        """The gateway's key that the device believes now."""
        return self._belief.key

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

    def is_saved(self) -> bool:
        """Whether all that the meter has told is in the journal."""
        return self._record.saved_total == self.total

    def is_resumed(self) -> bool:
        """Whether the gateway has answered on this connection."""
        return self._resumed

    def has_channel(self) -> bool:
        """Whether a channel is open, be it that nothing more may be delivered on it now."""
        channel = self.current()
        return channel is not None and channel.state == OPEN

    # What happens

    def on_connected(self, now: int) -> "Messages":
        """The broker has accepted the connection and the subscription."""
        self._connected = True
        return self._greet(now)

    def _greet(self, now: int) -> "Messages":
        self._resumed = False
        self._nonce = self._random_bytes(messages.NONCE_SIZE)
        self._retry.answered()
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
        return self._tick(now)

    def on_time(self, now: int) -> "Messages":
        """Called at least a few times a second: pays what waits, repeats what got no answer."""
        sending: Messages = []
        if self._flush_at and now >= self._flush_at:
            sending = self._pay(now)
        sending = sending + self._follow(now) + self._top_up(now)
        if self._connected and self._retry.is_due(now):
            again = self._unanswered()
            if again:
                self._retry.lengthen()
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

    def _tick(self, now: int) -> "Messages":
        """Pay by a tick that needs nothing journaled, if there is one."""
        channel = self.current()
        if channel is None or not self._resumed or channel.ticker is None:
            return []
        index = channel.next_tick(self.total)
        if index > channel.ticker.reserved or channel.is_chain_over(self.total):
            return self._pay(now)
        return self._sent([_tick_message(channel, index)], now) if index else []

    def _pay(self, now: int) -> "Messages":
        """Journal what was metered, and tick or sign what it costs if there is anyone to hear
        it."""
        self._flush_at = 0
        channel = self.current()
        index = 0
        message = b""
        if channel is not None and self._resumed:
            index = channel.next_tick(self.total)
            if index and channel.ticker is not None:
                channel.ticker.reserve(index)
            else:
                message = self._sign(channel, channel.next_iou(self.total), self.chain_length)
        self._record.save()
        sending: Messages = []
        if index and channel is not None:
            sending.append(_tick_message(channel, index))
        elif message:
            sending.append(("iou", message))
        sending = self._sent(sending, now)
        if channel is not None and self._resumed and channel.is_full(self.total):
            return sending + (self._top_up(now) or self._end_full(channel, now))
        return sending

    def _top_up(self, now: int) -> "Messages":
        """Let the channel that is paid on owe more, if it is time to ask for that."""
        channel = self.current()
        if self._topups is None or channel is None:
            return []
        if not self._resumed or not self.wants_channel:
            return []
        message = self._topups.next(channel, self.offer, now)
        return self._sent([("topup", message)], now) if message else []

    def _follow(self, now: int) -> "Messages":
        """Go over to the price that follows on the channel that is paid on, if one is offered."""
        channel, offer = self.current(), self.offer
        if channel is None or offer is None or not offer.follows or not self._resumed:
            return []
        # Loaded by those that are told of such a price.
        from firmware import legs

        found = legs.follow(channel, offer, self.total, self.identity, self._record)
        return self._sent(found, now)

    def _end_full(self, channel: PayerChannel, now: int) -> "Messages":
        """Close a channel that is full, unless it may be about to hold more, or to cost less."""
        return [] if channel.topup_due or channel.leg_due else self._close(now)

    def _sign(self, channel: PayerChannel, iou: "Iou | None", chain_length: int) -> bytes:
        """The signed message of an IOU, which commits to a new chain if there is to be one; empty
        if there is no IOU. What calls it must save the record before it says it."""
        if iou is None:
            return b""
        ticker = None
        if chain_length:
            secret = self._random_bytes(messages.HASH_SIZE)
            ticker = channel.begin_chain(iou, secret, chain_length)
        message = envelope.sign1("iou", iou.payload(), self.identity.sign)
        channel.signed(iou, message, ticker)
        return message

    def _cover(self, channel: PayerChannel) -> bytes:
        """The IOU, journaled, that says what ticks have said; empty if there were none."""
        message = self._sign(channel, channel.covering_iou(), 0)
        if message:
            self._record.save()
        return message

    def _close(self, now: int) -> "Messages":
        channel = self.current()
        if channel is None:
            return []
        # The close carries an IOU, and it is to be the whole payment.
        self._sign(channel, channel.covering_iou(), 0)
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
            self._belief.key,
            offer.tariff,
            self._first_capacity(offer),
            offer.time + offer.max_lifetime,
            self._random_bytes(messages.NONCE_SIZE),
        )
        message = envelope.sign1("open", terms.payload(), self.identity.sign)
        self.channels.append(PayerChannel(message, self._record.base))
        self._record.save()
        return self._sent([("open", message)], now)

    def _hello(self) -> "tuple[str, bytes]":
        return "hello", self._belief.seal("hello", Hello(self._nonce).payload())

    def _unanswered(self) -> "Messages":
        """Everything that an answer is still due to."""
        if not self._resumed:
            return [self._hello()]
        found = self._over.unanswered()
        for channel in self.channels:
            if channel.state == OPENING:
                found.append(("open", channel.open_message))
                continue
            if channel.topup_due:
                # First, for what was signed may be beyond the capacity before it.
                found.append(("topup", channel.topup))
            if channel.leg_due:
                # And before what is priced by it.
                found.append(("leg", channel.next_leg or channel.leg))
            if channel.state == CLOSING:
                found.append(self._close_message(channel))
            elif not channel.is_settled():
                found += _unsettled(channel)
        if not found and self.wants_channel and not self.may_deliver():
            # No channel, and what was offered was refused: ask for what is offered now. Or a
            # channel on which all is paid and nothing may be delivered: an operator has decided
            # so, and the grant that takes it back may be lost.
            found.append(self._hello())
        return found

    def _sent(self, sending: "Messages", now: int) -> "Messages":
        if not self._connected:
            return []
        # No payment puts a repetition off: a device that pays without a pause would never say again
        # that an older channel is closed.
        if sending and (sending[-1][0] not in ("iou", "tick") or self._retry.is_due(now)):
            self._retry.said(now)
        return sending

    # Being told

    def _by_id(self, channel_id: bytes) -> "PayerChannel | None":
        for channel in self.channels:
            if channel.id == channel_id:
                return channel
        return None

    def _on_resume(self, message: bytes, now: int) -> "Messages":
        resume = messages.read_resume(self._belief.opened_mac("resume", message))
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
                        self._belief.keys,
                        self.total,
                        identity.verify,
                    )
                    self.channels.insert(0, channel)
            except ProtocolError:
                self.ignored += 1
        if not self._resumed:
            # Not after a hello that asked for another offer: that one is repeated ever less often.
            self._retry.answered()
        self._resumed = True
        self._close_all_but_last()
        if restored:
            self._over.show_all()
        for channel in self.channels:
            if channel.ticker is None or restored:
                # The chain that proved its mark is lost, or the gateway may not know of it: a
                # signature says it all at once. One record for all of them, which `_pay` saves: a
                # channel that is not covered yet claims more than its record proves.
                self._sign(channel, channel.covering_iou(), 0)
            if channel.id not in listed:
                # The gateway does not list it: it is over, or the gateway lost it. Its terms,
                # shown again, get the answer which.
                channel.show_again()
        self._pay(now)
        return self._resend(now) + self._find(now)

    def _find(self, now: int) -> "Messages":
        """Ask for what the wanted payee sells, if there is nobody to pay."""
        if not self.payee or self.channels or not self.wants_channel:
            return []
        from protocol.listings import Find

        wanted = Find(self.unit, "", unhexlify(self.payee))
        return self._sent([("find", self._belief.seal("find", wanted.payload()))], now)

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
        """All that an answer is due to, in an order in which it can be taken."""
        found = [pair for pair in self._unanswered() if pair[0] != "hello"]
        return self._sent(found, now)

    def _on_offer(self, message: bytes, now: int) -> "Messages":
        offer = messages.read_offer(self._belief.opened_sign("offer", message))
        if offer.gateway_key != self._belief.key:
            raise WireError("offer.gateway_key", "another gateway's")
        self.gateway_time = offer.time
        if offer.tariff.unit != self.unit or not self._is_wanted(offer):
            return []
        self.offer = offer
        return self._follow(now) or self._open(now)

    def _first_capacity(self, offer: Offer) -> int:
        """The capacity that a channel opens with."""
        capacity = self.capacity if self._topups is None else self._topups.portion
        return min(capacity, offer.max_capacity)

    def _is_wanted(self, offer: Offer) -> bool:
        """Whether an offer is of the payee that this device buys from, and one channel would pay
        for a unit: one that pays for none is full as it opens. And not above the highest price."""
        if not offer.tariff.units_within(self._first_capacity(offer)):
            return False
        price = offer.tariff
        if self.highest_price and (
            price.numerator * 1_000 > (self.highest_price - price.session_fee) * price.denominator
        ):
            return False
        if self.payee:
            return device_id(offer.payee_key) == self.payee
        return offer.payee_key == offer.gateway_key

    def _on_opened(self, message: bytes, now: int) -> "Messages":
        opened = self._belief.proved("opened", message, messages.read_opened)
        if self._is_restored(opened.serial):
            self._over.show_all()
        if self._over.opened(opened.channel):
            return self._resend(now)
        channel = self._by_id(opened.channel)
        if channel is None:
            return []
        channel.opened(opened.limit, opened.serial)
        self._retry.answered()
        self._pay(now)
        return self._resend(now)

    def _on_ack(self, message: bytes, now: int) -> "Messages":
        ack = self._belief.told("ack", message, messages.read_ack)
        if payer.generation(ack.serial) > self._generation:
            return self._greet(now) if self._resumed else []
        channel = self._by_id(ack.channel)
        if channel is None:
            return []
        serial = channel.serial
        channel.acked(ack)
        channel.rebase(self.total)
        self._retry.answered()
        if channel.serial != serial:
            # An operator's decision, which the grant that told it first may not have brought.
            self._record.save()
        return []

    def _on_grant(self, message: bytes, now: int) -> "Messages":
        grant = self._belief.told("grant", message, messages.read_grant)
        if payer.generation(grant.serial) > self._generation:
            # The gateway was restored, perhaps from before it knew a channel or its end.
            return self._greet(now) if self._resumed else []
        channel = self._by_id(grant.channel)
        if channel is None:
            return []
        self.funds_left = grant.free
        if channel.granted(grant):
            if self._topups is not None:
                self._topups.taken()
            return self._pay(now)
        self._record.save()
        return []

    def _on_receipt(self, message: bytes, now: int) -> "Messages":
        said = messages.read_receipt(envelope.unverified(message))
        if self._by_id(said.channel) is None and not self._over.is_shown(said.channel):
            # A payee's own channels end by such too: no signature need be checked here.
            return []
        receipt = self._belief.proved("receipt", message, messages.read_receipt)
        if receipt.event == CLOSE:
            self._over.closed(receipt.channel)
        channel = self._by_id(receipt.channel)
        if channel is None:
            return []
        if receipt.event == CLOSE:
            base = channel.carried(self.total, receipt)
            self._record.end(channel, base, message)
            self._retry.answered()
            return self._open(now)
        self._record.keep(message)
        return []

    def _on_refused(self, message: bytes, now: int) -> "Messages":
        refused = self._belief.told("refused", message, messages.read_refused)
        self.refusals[refused.reason] = self.refusals.get(refused.reason, 0) + 1
        channel = self._by_id(refused.channel)
        if refused.reason in _WAIT:
            return []
        if channel is None:
            return self._sent(self._over.refused(refused.channel, refused.reason), now)
        if refused.reason == "unknown_channel" and refused.kind not in ("open", "tick"):
            # It accepted these terms once. Until it refuses them nothing that is signed is given
            # up: shown again, they are accepted again, and the IOU after them.
            channel.show_again()
            return self._sent([("open", channel.open_message)], now)
        if refused.reason in _NO_TICK:
            message = self._cover(channel)
            return self._sent([("iou", message or channel.iou)], now) if channel.iou else []
        if refused.reason == "price_ended":
            return self._on_price_ended(channel, refused, now)
        over = refused.kind == "open" or refused.reason in FINAL
        if refused.kind == "leg" and not over:
            from protocol import payer_legs

            if payer_legs.refused(channel):
                return self._pay(now)
            # The gateway had taken it, and lost it: it takes nothing that is priced by it.
            over = True
        if over:
            self._record.end(channel, channel.carried(self.total, None), b"")
            if refused.kind == "open":
                self.offer = None
            return self._open(now)
        if refused.kind == "topup":
            return self._on_topup_refused(channel, refused, now)
        count = self.refusals[refused.reason]
        if refused.reason == "wrong_amount" and count & (count - 1) == 0:
            # The gateway may have taken a leg that this device takes for refused: ask, the first
            # time, the second, the fourth.
            return self._greet(now)
        if refused.reason == "over_capacity":
            # A gateway whose books were restored may have lost the top-up.
            channel.topup_again()
        return []

    def _on_price_ended(self, channel: PayerChannel, refused: "Refused", now: int) -> "Messages":
        from firmware import legs

        found = legs.end_price(channel, refused.expected, self.identity, self._record)
        if found and channel.state == CLOSING:
            found.append(self._close_message(channel))
        return self._sent(found, now)

    def _on_topup_refused(self, channel: PayerChannel, refused: "Refused", now: int) -> "Messages":
        if self._topups is None:
            channel.topup_refused()
            return []
        self._topups.refused(channel, refused, now)
        if channel.is_full(self.total):
            # Another top-up in its place, or the end of the channel.
            return self._pay(now)
        return self._top_up(now)

    def _on_successor(self, message: bytes, now: int) -> "Messages":
        self._belief.follow(message)
        # What the key before it offered is no offer of this one.
        self.offer = None
        return self._greet(now)

    _HANDLERS = {
        "resume": _on_resume,
        "offer": _on_offer,
        "opened": _on_opened,
        "ack": _on_ack,
        "grant": _on_grant,
        "receipt": _on_receipt,
        "refused": _on_refused,
        "successor": _on_successor,
    }


def _tick_message(channel: PayerChannel, index: int) -> "tuple[str, bytes]":
    """Tick `index`, which is journaled."""
    preimage = channel.ticked(index)
    return "tick", Tick(channel.id[:TICK_HANDLE_SIZE], index, preimage).payload()


def _unsettled(channel: PayerChannel) -> "Messages":
    """What was signed and ticked on a channel, again."""
    found = []
    ticker = channel.ticker
    if channel.acked_amount < channel.iou_amount or ticker is None or ticker.index == 0:
        found.append(("iou", channel.iou))
    if ticker is not None and ticker.index:
        again = Tick(channel.id[:TICK_HANDLE_SIZE], ticker.index, ticker.chain.value(ticker.index))
        found.append(("tick", again.payload()))
    return found
