"""The paying side's rules for one channel: what a device may sign, and whom it believes.

A device signs only what it measured, never twice for the same unit, never less than it has signed,
and never more than the capacity. It believes the gateway only as far as the gateway can prove: an
ack may not claim more than was signed, a capacity no more than was topped up, a `resume` counts
only with the device's own signatures in it, and the end of a channel only with the gateway's signed
receipt. No store, no clock, no keys: they come in as arguments. Who calls these must make each
change durable before it speaks of it.
"""

from protocol import MAX_INT, envelope
from protocol.errors import ProtocolError, WireError
from protocol.fields import array, integer, octets
from protocol.ids import channel_id
from protocol.messages import CLOSE as CLOSE_EVENT
from protocol.messages import Ack, Grant, Iou, Receipt, Resumed, Terms, read_iou, read_terms
from protocol.pricing import METERED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol.ticker import Ticker
    from protocol.topups import Topup

OPENING = 0
"""Signed and sent; the gateway has not answered."""
OPEN = 1
"""The gateway has accepted the terms."""
CLOSING = 2
"""The close is signed; no further IOU will be."""

_STATES = (OPENING, OPEN, CLOSING)

_GENERATION_SHIFT = 32


def generation(serial: int) -> int:
    """The gateway's generation, which is the upper half of a serial: it rises when the gateway's
    books are restored from a backup, and may then be older than what it said before."""
    return serial >> _GENERATION_SHIFT


def iou_message(terms: Terms, iou: Iou, sign: "Callable[[bytes], bytes]") -> bytes:
    """The signed message of an IOU on a channel of these terms, and the claim in it that they ask
    for."""
    if terms.xrpl_channel:
        from protocol.xrpl import claim_bytes

        iou.xrpl_claim = sign(claim_bytes(terms.xrpl_channel, iou.amount))
    return envelope.sign1("iou", iou.payload(), sign)


class PayerChannel:
    """One channel as its payer has it. `base` is the meter's total at which the channel's unit 0
    lies: the channel's units are the meter's total less the base."""

    def __init__(self, open_message: bytes, base: int) -> None:
        self.open_message = open_message
        signed = envelope.parse_sign1("open", open_message)
        self.terms: Terms = read_terms(signed.payload)
        self.id = self.terms.channel_id()
        self.base = base
        self.state = OPENING
        self.iou = b""
        self.iou_amount = 0
        self.iou_units = 0
        # Of the IOU's chain, and with it signed_* lie beyond iou_*.
        self.ticker: Ticker | None = None
        self.signed_amount = 0
        self.signed_units = 0
        self.acked_amount = 0
        self.acked_units = 0
        self.limit = 0
        self.serial = 0
        # The most that may be signed for: the terms', or what the gateway took of a top-up.
        self.capacity = self.terms.capacity
        self.topup = b""
        self.topup_capacity = 0
        self.topup_due = False
        """Whether the top-up is still to be answered, and so to be said again."""
        # The leg that the gateway has taken, whose price the terms then hold, and the next one.
        self.leg = b""
        self.next_leg = b""
        self.leg_due = False
        """Whether a leg is still to be answered, and so to be said again before anything else."""

    # What the device may do

    def units(self, total: int) -> int:
        """The channel's units when the meter shows `total`: never more than the capacity pays
        for at the tariff's price, and what goes beyond is the next channel's; nor more than the
        price is granted for, and what goes beyond waits for the next price."""
        price = self.terms.price
        return min(max(0, total - self.base), price.until, price.units_within(self.capacity))

    def may_deliver(self, total: int) -> bool:
        """Whether one more unit may be delivered when the meter shows `total`."""
        return self.state == OPEN and total - self.base < self.limit

    def is_full(self, total: int) -> bool:
        """Whether the capacity pays for no further unit at the tariff's price."""
        return total - self.base >= self.terms.price.units_within(self.capacity)

    def left(self) -> int:
        """What the capacity still allows to be signed for, in atomic units."""
        return max(0, self.capacity - self.signed_amount)

    def may_sign(self) -> bool:
        """Whether an IOU could be taken now: the gateway has accepted the terms, and answered the
        last leg."""
        return self.state == OPEN and not self.leg_due

    def next_iou(self, total: int) -> "Iou | None":
        """The IOU to sign when the meter shows `total`, or None if it would not raise the amount.

        Two IOUs of one amount would contradict each other, so what costs nothing yet waits. So
        does everything until the gateway has accepted the terms: were they refused, what had been
        signed on them would count as paid and be lost to the payee. A leg is waited for likewise.
        """
        if not self.may_sign():
            return None
        units = self.units(total)
        amount = self.terms.price.amount_of(units)
        if amount <= self.signed_amount or units < self.signed_units:
            return None
        return Iou(self.id, amount, units)

    def begin_chain(self, iou: Iou, secret: bytes, length: int) -> "Ticker | None":
        """Let `iou`, which is to be signed, commit to a new chain of `secret` (32 bytes); the
        ticker to give to `signed`. None where the tariff has no ticks, or each IOU is a claim."""
        if not length or self.terms.price.tariff.pricing != METERED or self.terms.xrpl_channel:
            return None
        from protocol.ticker import Ticker

        ticker = Ticker(secret, length, iou.units)
        iou.chain_root = ticker.chain.root
        iou.chain_length = length
        return ticker

    def covering_iou(self) -> "Iou | None":
        """The IOU that says by a signature what the ticks since the last one have said; None if
        there were none. It commits to no chain, and ends the one before."""
        if (self.signed_amount, self.signed_units) == (self.iou_amount, self.iou_units):
            return None
        return Iou(self.id, self.signed_amount, self.signed_units)

    def next_tick(self, total: int) -> int:
        """The index of the tick to reveal when the meter shows `total`; 0 if an IOU is to be
        signed, if there is anything to pay: there is no chain, it has run out, or too much of it
        is unacknowledged."""
        ticker = self.ticker
        if ticker is None or not self.may_sign():
            return 0
        units = self.units(total)
        if not ticker.reaches(units, self.acked_units):
            return 0
        return units - ticker.base if self.terms.price.amount_of(units) > self.signed_amount else 0

    def is_chain_over(self, total: int) -> bool:
        """Whether the chain has run out, so that the next payment is a signature with a new one."""
        ticker = self.ticker
        return ticker is not None and self.units(total) > ticker.base + ticker.chain.length

    def ticked(self, index: int) -> bytes:
        """Tick `index` is revealed: its preimage. What is journaled must reach as far."""
        ticker = self.ticker
        if ticker is None:
            raise ProtocolError("no_chain", "tick.index", "there is no chain")
        preimage = ticker.reveal(index)
        self.signed_units = ticker.base + index
        self.signed_amount = self.terms.price.amount_of(self.signed_units)
        return preimage

    def signed(self, iou: Iou, message: bytes, ticker: "Ticker | None" = None) -> None:
        """`iou` has been signed as `message`; `ticker` belongs to its chain. Raises ProtocolError
        `conflict` unless it is more than all before (or, after ticks, says the same by a
        signature), `over_capacity` if it is more than the capacity."""
        if iou.amount > self.capacity:
            raise ProtocolError(
                "over_capacity", "iou.amount", "more than the capacity", self.capacity
            )
        covers = (iou.amount, iou.units) == (self.signed_amount, self.signed_units)
        if not (covers and self.covering_iou() is not None) and (
            iou.amount <= self.signed_amount or iou.units < self.signed_units
        ):
            raise ProtocolError("conflict", "iou.amount", "must be more than was signed before")
        self.iou = message
        self.iou_amount = self.signed_amount = iou.amount
        self.iou_units = self.signed_units = iou.units
        self.ticker = ticker

    def next_topup(self, capacity: int) -> "Topup | None":
        """The top-up to sign for this capacity; None if it would raise nothing, or the gateway has
        not accepted the terms."""
        if self.state != OPEN or capacity <= self.capacity:
            return None
        from protocol.topups import Topup

        return Topup(self.id, capacity)

    def topped_up(self, topup: "Topup", message: bytes) -> None:
        """`topup` has been signed as `message`. Nothing is signed beyond the capacity before the
        gateway has taken it. Raises ProtocolError `conflict` unless it raises the capacity."""
        if topup.capacity <= self.capacity:
            raise ProtocolError("conflict", "topup.capacity", "must be more than the capacity")
        self.topup = message
        self.topup_capacity = topup.capacity
        self.topup_due = True

    def topup_refused(self) -> None:
        """The gateway has answered the top-up, and did not take it."""
        self.topup_due = False

    def topup_again(self) -> None:
        """The top-up, if there is one, is to be said again: the gateway may take it now, or has
        lost it."""
        self.topup_due = bool(self.topup)

    def is_settled(self) -> bool:
        """Whether the gateway has acknowledged all that was signed."""
        return self.acked_amount == self.signed_amount

    # What the gateway may tell it

    def opened(self, limit: int, serial: int) -> None:
        """The gateway accepted the terms."""
        if self.state == OPENING:
            self.state = OPEN
        self._allow(limit, serial)

    def acked(self, ack: Ack) -> None:
        """The gateway has `ack` on disk. Raises ProtocolError `conflict` if it claims more than
        was signed or ticked."""
        self._check_claim("ack.amount", ack.amount, ack.units)
        if self.state == OPENING:
            self.state = OPEN
        if ack.amount > self.acked_amount:
            self.acked_amount = ack.amount
            self.acked_units = ack.units
        self._allow(ack.limit, ack.serial)

    def _check_claim(self, where: str, amount: int, units: int) -> None:
        """That the gateway claims no more than this device has said. Ticks that it may have
        revealed and forgotten in a power cut are taken up."""
        if amount <= self.signed_amount and units <= self.signed_units:
            return
        ticker = self.ticker
        if (
            ticker is None
            or not ticker.may_have_said(units)
            or amount != self.terms.price.amount_of(units)
        ):
            raise ProtocolError("conflict", where, "more than was signed", self.signed_amount)
        ticker.index = units - ticker.base
        self.signed_amount = amount
        self.signed_units = units

    def rebase(self, total: int) -> None:
        """What is paid for counts as delivered, when the meter shows `total`: a meter that lost
        units in a power cut must not have them paid again."""
        self.base = min(self.base, total - self.signed_units)

    def show_again(self) -> None:
        """The gateway may have lost this channel: its terms are to be shown again, and whatever
        was acknowledged on it is to be acknowledged again."""
        self.acked_amount = 0
        self.acked_units = 0
        self.topup_again()
        self.leg_due = bool(self.leg or self.next_leg)
        if self.state == OPEN:
            self.state = OPENING

    def granted(self, grant: Grant) -> bool:
        """The gateway allows delivery up to another limit, and may have taken a top-up or a leg: of
        what it says, what this device remembers to have signed counts. Whether the capacity has
        risen, a leg was answered, or a price that had ended goes on."""
        before = self.capacity
        ended = self.terms.price.until
        answered = False
        if grant.leg:
            from protocol import payer_legs

            answered = payer_legs.granted(self, grant.leg)
        taken = min(grant.capacity, self.topup_capacity)
        self.capacity = max(self.capacity, taken)
        if taken and taken == self.topup_capacity:
            self.topup_due = False
        self._allow(grant.limit, grant.serial)
        goes_on = self.terms.price.until > ended
        return answered or goes_on or self.capacity > before

    def _allow(self, limit: int, serial: int) -> None:
        if serial > self.serial:
            self.serial = serial
            self.limit = limit
        elif serial == self.serial and limit > self.limit:
            self.limit = limit
        if self.limit > self.terms.price.until:
            # More is granted: the price goes on.
            self.terms.price.until = MAX_INT

    def resumed(
        self, known: Resumed, total: int, verify: "Callable[[bytes, bytes, bytes], bool]"
    ) -> None:
        """The gateway's picture of this channel. If it holds a later IOU, with this device's own
        signature, than the device remembers, the device takes it up, and counts what it paid for
        as delivered: the base moves so that nothing is charged twice. If it holds an earlier one,
        what it acknowledged beyond that counts no more. If it was restored since, the device shows
        the last IOU again even if it is the same, or the terms if there is none.

        A top-up or a leg it holds, with this device's own signature, counts too; one that it does
        not hold is to be said again.

        Raises ProtocolError if the IOU, the top-up or the leg is not this device's own on this
        channel, or contradicts what it remembers to have signed (a copy of it may be at work).
        """
        restored = generation(known.serial) > generation(self.serial)
        self._resumed_topup(known.topup, restored, verify)
        if known.leg or self.leg or self.next_leg:
            from protocol import payer_legs

            payer_legs.resumed(self, known.leg, restored, verify)
        if known.last_iou:
            payload = envelope.open_sign1("iou", known.last_iou, self.terms.payer_key, verify)
            iou = read_iou(payload)
            if iou.channel != self.id:
                raise ProtocolError("not_yours", "resume.last_iou", "of another channel")
            amount, units = self._resumed_mark(iou, known)
            if amount > self.signed_amount:
                self._take_up(iou, known.last_iou, amount, units)
            elif units > self.signed_units:
                raise ProtocolError(
                    "conflict", "resume.last_iou", "contradicts what this device has signed"
                )
            self.rebase(total)
            self.acked_amount = amount
            self.acked_units = units
        else:
            self.acked_amount = 0
            self.acked_units = 0
        self.opened(known.limit, known.serial)
        if restored or self.leg_due:
            self.acked_amount = 0
            self.acked_units = 0
        if restored:
            if self.state == OPEN and not self.iou:
                self.state = OPENING

    def _resumed_topup(
        self, message: bytes, restored: bool, verify: "Callable[[bytes, bytes, bytes], bool]"
    ) -> None:
        held = 0
        if message:
            from protocol.topups import read_topup

            topup = read_topup(envelope.open_sign1("topup", message, self.terms.payer_key, verify))
            if topup.channel != self.id:
                raise ProtocolError("not_yours", "resume.topup", "of another channel")
            held = topup.capacity
            self.capacity = max(self.capacity, held)
            if held > self.topup_capacity:
                self.topup = message
                self.topup_capacity = held
        self.topup_due = bool(self.topup) and (restored or held < self.topup_capacity)

    def _take_up(self, iou: Iou, message: bytes, amount: int, units: int) -> None:
        """A mark that this device has proven itself, by `iou` and ticks, and forgotten."""
        ticker = self.ticker
        if ticker is not None and ticker.chain.root == iou.chain_root:
            ticker.index = units - iou.units
            # It was revealed, so it was reserved, though this journal may be older than that.
            ticker.reserve(ticker.index)
        else:
            # Another chain than the one that is remembered: its secret is gone.
            if iou.amount > self.signed_amount:
                self.signed(iou, message)
            self.ticker = None
        self.signed_amount = amount
        self.signed_units = units

    def _resumed_mark(self, iou: Iou, known: Resumed) -> tuple[int, int]:
        """The mark that an IOU of this device and the last value of its chain prove. Raises
        ProtocolError `bad_tick` if that value does not belong to the chain."""
        index = known.tick_index
        if index == 0:
            return iou.amount, iou.units
        # Loaded by those that pay by ticks: a board's memory is scarce.
        from protocol import hashchain

        if index > iou.chain_length or iou.chain_length > hashchain.MAX_LENGTH:
            raise ProtocolError("bad_tick", "resume.tick_index", "beyond the chain's end")
        if not hashchain.is_tick(known.preimage, index, iou.chain_root, 0):
            raise ProtocolError("bad_tick", "resume.preimage", "not of the chain that was signed")
        units = iou.units + index
        return self.terms.price.amount_of(units), units

    def carried(self, total: int, receipt: "Receipt | None") -> int:
        """The base of the channel that follows, once this one is over: units are carried from
        where the signed receipt of the close says that payment ended, and without a receipt from
        the last signed IOU, which the gateway might still hold.

        Raises ProtocolError `conflict` if the receipt is no close of this channel or claims more
        than was signed.
        """
        paid = self.signed_units
        if receipt is not None:
            if receipt.channel != self.id or receipt.event != CLOSE_EVENT:
                raise ProtocolError("conflict", "receipt.event", "not the close of this channel")
            self._check_claim("receipt.amount", receipt.amount, receipt.units)
            paid = receipt.units
        return min(total, self.base + paid)

    # What the journal keeps

    def record(self) -> list[object]:
        """All that must outlive a power cut, for `cbor.encode`. The base may be below zero on the
        meter's scale, so it is kept as two unsigned parts."""
        kept = [
            self.open_message,
            max(0, self.base),
            max(0, -self.base),
            self.state,
            self.iou,
            self.acked_amount,
            self.acked_units,
            self.limit,
            self.serial,
        ]
        if self.ticker is not None:
            kept += self.ticker.record()
        if self.topup:
            kept += [self.topup, self.capacity]
        if self.leg or self.next_leg:
            kept.append([self.leg, self.next_leg, int(self.leg_due)])
        return kept


def read_record(value: object) -> PayerChannel:
    """The channel that `record()` gave. Raises WireError if it is damaged."""
    parts = array(value, "record")
    legs = parts[-1] if parts and isinstance(parts[-1], list) else None
    if legs is not None:
        parts = parts[:-1]
    if len(parts) not in (9, 11, 12, 14):
        raise WireError("record", "must have 9, 11, 12 or 14 parts, and the legs")
    base = integer(parts[1], "record.base") - integer(parts[2], "record.base")
    channel = PayerChannel(octets(parts[0], "record.open"), base)
    channel.state = integer(parts[3], "record.state")
    if channel.state not in _STATES:
        raise WireError("record.state", "no such state")
    if legs is not None:
        from protocol import payer_legs

        payer_legs.read_record(channel, legs)
    channel.iou = octets(parts[4], "record.iou")
    if channel.iou:
        iou = read_iou(envelope.parse_sign1("iou", channel.iou).payload)
        if iou.channel != channel.id:
            raise WireError("record.iou", "of another channel")
        channel.iou_amount = channel.signed_amount = iou.amount
        channel.iou_units = channel.signed_units = iou.units
        if len(parts) >= 12:
            from protocol.ticker import read_ticker

            channel.ticker = read_ticker(parts[9:12], iou.units, iou.chain_root)
    channel.acked_amount = integer(parts[5], "record.acked_amount")
    channel.acked_units = integer(parts[6], "record.acked_units")
    try:
        channel._check_claim("record.acked_amount", channel.acked_amount, channel.acked_units)
    except ProtocolError as error:
        raise WireError("record.acked_amount", "more than was signed") from error
    channel.limit = integer(parts[7], "record.limit")
    channel.serial = integer(parts[8], "record.serial")
    if len(parts) in (11, 14):
        _read_topup(channel, parts[-2:])
    if channel.signed_amount > channel.capacity:
        raise WireError("record.capacity", "less than was signed for")
    if channel.signed_amount < channel.terms.price.amount:
        raise WireError("record.iou", "below where its leg begins")
    return channel


def _read_topup(channel: PayerChannel, parts: "list[object]") -> None:
    """The top-up that `record()` gave, and the capacity. Raises WireError if it is damaged."""
    from protocol.topups import read_topup

    message = octets(parts[0], "record.topup")
    topup = read_topup(envelope.parse_sign1("topup", message).payload)
    capacity = integer(parts[1], "record.capacity")
    if topup.channel != channel.id:
        raise WireError("record.topup", "of another channel")
    if not channel.capacity <= capacity <= topup.capacity:
        raise WireError("record.capacity", "not between the terms' and the top-up's")
    channel.topup = message
    channel.topup_capacity = topup.capacity
    channel.capacity = capacity
    channel.topup_due = capacity < topup.capacity


def resumed_id(known: Resumed) -> bytes:
    """The id of the channel that an entry of a `resume` is about. Raises WireError."""
    return channel_id(envelope.parse_sign1("open", known.open_message).payload)


def adopt(
    known: Resumed,
    payer_key: bytes,
    gateway_keys: list[bytes],
    total: int,
    verify: "Callable[[bytes, bytes, bytes], bool]",
) -> PayerChannel:
    """A channel that the device has forgotten, from the gateway's `resume`.

    Raises ProtocolError unless its terms carry this device's own signature and name one of its
    gateway's keys.
    """
    payload = envelope.open_sign1("open", known.open_message, payer_key, verify)
    terms = read_terms(payload)
    if terms.payer_key != payer_key or terms.gateway_key not in gateway_keys:
        raise ProtocolError("not_yours", "resume.open", "the terms are of other parties")
    channel = PayerChannel(known.open_message, total)
    channel.resumed(known, total, verify)
    return channel
