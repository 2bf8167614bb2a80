"""The paying side's rules for one channel: what a device may sign, and whom it believes.

A device signs only what it measured, never twice for the same unit, never less than it has signed,
and never more than the capacity. It believes the gateway only as far as the gateway can prove: an
ack may not claim more than was signed, a `resume` counts only with the device's own signatures in
it, and the end of a channel only with the gateway's signed receipt. No store, no clock, no keys:
they come in as arguments. Who calls these must make each change durable before it speaks of it.
"""

from protocol import envelope
from protocol.errors import ProtocolError, WireError
from protocol.fields import array, integer, octets
from protocol.ids import channel_id
from protocol.messages import CLOSE as CLOSE_EVENT
from protocol.messages import Ack, Grant, Iou, Receipt, Resumed, Terms, read_iou, read_terms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

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
        self.signed_amount = 0
        self.signed_units = 0
        self.acked_amount = 0
        self.acked_units = 0
        self.limit = 0
        self.serial = 0

    # What the device may do

    def units(self, total: int) -> int:
        """The channel's units when the meter shows `total`: never more than the capacity pays
        for at the tariff's price; what goes beyond is the next channel's."""
        return min(max(0, total - self.base), self.terms.tariff.units_within(self.terms.capacity))

    def may_deliver(self, total: int) -> bool:
        """Whether one more unit may be delivered when the meter shows `total`."""
        return self.state == OPEN and total - self.base < self.limit

    def is_full(self, total: int) -> bool:
        """Whether the capacity pays for no further unit at the tariff's price."""
        return total - self.base >= self.terms.tariff.units_within(self.terms.capacity)

    def next_iou(self, total: int) -> "Iou | None":
        """The IOU to sign when the meter shows `total`, or None if it would not raise the amount.

        Two IOUs of one amount would contradict each other, so what costs nothing yet waits. So
        does everything until the gateway has accepted the terms: were they refused, what had been
        signed on them would count as paid and be lost to the payee.
        """
        if self.state != OPEN:
            return None
        units = self.units(total)
        amount = self.terms.tariff.amount(units)
        if amount <= self.signed_amount or units < self.signed_units:
            return None
        return Iou(self.id, amount, units)

    def signed(self, iou: Iou, message: bytes) -> None:
        """`iou` has been signed as `message`. Raises ProtocolError `conflict` unless it is more
        than all before, `over_capacity` if it is more than the terms allow."""
        if iou.amount > self.terms.capacity:
            raise ProtocolError(
                "over_capacity", "iou.amount", "more than the capacity", self.terms.capacity
            )
        if iou.amount <= self.signed_amount or iou.units < self.signed_units:
            raise ProtocolError("conflict", "iou.amount", "must be more than was signed before")
        self.iou = message
        self.signed_amount = iou.amount
        self.signed_units = iou.units

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
        was signed."""
        if ack.amount > self.signed_amount or ack.units > self.signed_units:
            raise ProtocolError(
                "conflict", "ack.amount", "more than was signed", self.signed_amount
            )
        if self.state == OPENING:
            self.state = OPEN
        if ack.amount > self.acked_amount:
            self.acked_amount = ack.amount
            self.acked_units = ack.units
        self._allow(ack.limit, ack.serial)

    def show_again(self) -> None:
        """The gateway may have lost this channel: its terms are to be shown again, and whatever
        was acknowledged on it is to be acknowledged again."""
        self.acked_amount = 0
        self.acked_units = 0
        if self.state == OPEN:
            self.state = OPENING

    def granted(self, grant: Grant) -> None:
        """The gateway allows delivery up to another limit."""
        self._allow(grant.limit, grant.serial)

    def _allow(self, limit: int, serial: int) -> None:
        if serial > self.serial:
            self.serial = serial
            self.limit = limit
        elif serial == self.serial and limit > self.limit:
            self.limit = limit

    def resumed(
        self, known: Resumed, total: int, verify: "Callable[[bytes, bytes, bytes], bool]"
    ) -> None:
        """The gateway's picture of this channel. If it holds a later IOU, with this device's own
        signature, than the device remembers, the device takes it up, and counts what it paid for
        as delivered: the base moves so that nothing is charged twice. If it holds an earlier one,
        what it acknowledged beyond that counts no more. If it was restored since, the device shows
        the last IOU again even if it is the same, or the terms if there is none.

        Raises ProtocolError if the IOU is not this device's own on this channel, or contradicts
        what it remembers to have signed (a copy of it may be at work).
        """
        restored = generation(known.serial) > generation(self.serial)
        if known.last_iou:
            payload = envelope.open_sign1("iou", known.last_iou, self.terms.payer_key, verify)
            iou = read_iou(payload)
            if iou.channel != self.id:
                raise ProtocolError("not_yours", "resume.last_iou", "of another channel")
            if iou.amount > self.signed_amount:
                self.signed(iou, known.last_iou)
                self.base = min(self.base, total - iou.units)
            elif iou.units > self.signed_units:
                raise ProtocolError(
                    "conflict", "resume.last_iou", "contradicts what this device has signed"
                )
            self.acked_amount = iou.amount
            self.acked_units = iou.units
        else:
            self.acked_amount = 0
            self.acked_units = 0
        self.opened(known.limit, known.serial)
        if restored:
            self.acked_amount = 0
            self.acked_units = 0
            if self.state == OPEN and not self.iou:
                self.state = OPENING

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
            if receipt.amount > self.signed_amount or receipt.units > self.signed_units:
                raise ProtocolError(
                    "conflict", "receipt.amount", "more than was signed", self.signed_amount
                )
            paid = receipt.units
        return min(total, self.base + paid)

    # What the journal keeps

    def record(self) -> list[object]:
        """All that must outlive a power cut, for `cbor.encode`. The base may be below zero on the
        meter's scale, so it is kept as two unsigned parts."""
        return [
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


def read_record(value: object) -> PayerChannel:
    """The channel that `record()` gave. Raises WireError if it is damaged."""
    parts = array(value, "record")
    if len(parts) != 9:
        raise WireError("record", "must have 9 parts")
    base = integer(parts[1], "record.base") - integer(parts[2], "record.base")
    channel = PayerChannel(octets(parts[0], "record.open"), base)
    channel.state = integer(parts[3], "record.state")
    if channel.state not in _STATES:
        raise WireError("record.state", "no such state")
    channel.iou = octets(parts[4], "record.iou")
    if channel.iou:
        iou = read_iou(envelope.parse_sign1("iou", channel.iou).payload)
        if iou.channel != channel.id:
            raise WireError("record.iou", "of another channel")
        channel.signed_amount = iou.amount
        channel.signed_units = iou.units
    channel.acked_amount = integer(parts[5], "record.acked_amount")
    channel.acked_units = integer(parts[6], "record.acked_units")
    if channel.acked_amount > channel.signed_amount or channel.acked_units > channel.signed_units:
        raise WireError("record.acked_amount", "more than was signed")
    channel.limit = integer(parts[7], "record.limit")
    channel.serial = integer(parts[8], "record.serial")
    return channel


def resumed_id(known: Resumed) -> bytes:
    """The id of the channel that an entry of a `resume` is about. Raises WireError."""
    return channel_id(envelope.parse_sign1("open", known.open_message).payload)


def adopt(
    known: Resumed,
    payer_key: bytes,
    gateway_key: bytes,
    total: int,
    verify: "Callable[[bytes, bytes, bytes], bool]",
) -> PayerChannel:
    """A channel that the device has forgotten, from the gateway's `resume`.

    Raises ProtocolError unless its terms carry this device's own signature and name this gateway.
    """
    payload = envelope.open_sign1("open", known.open_message, payer_key, verify)
    terms = read_terms(payload)
    if terms.payer_key != payer_key or terms.gateway_key != gateway_key:
        raise ProtocolError("not_yours", "resume.open", "the terms are of other parties")
    channel = PayerChannel(known.open_message, total)
    channel.resumed(known, total, verify)
    return channel
