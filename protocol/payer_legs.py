"""The paying side's rules for legs: when one may be signed, and when it is believed to be taken.

Loaded by those that are told of a price that follows: a board's memory is scarce. While a leg is
due, signed and not answered, nothing else is signed on its channel.
"""

from protocol import envelope
from protocol.errors import ProtocolError, WireError
from protocol.fields import array, integer, octets
from protocol.legs import Leg, handle, read_leg
from protocol.messages import Iou
from protocol.pricing import METERED, Tariff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol.payer import PayerChannel


def number(channel: "PayerChannel") -> int:
    """The number of the leg that the channel is on, 0 on its first price."""
    return _own(channel, channel.leg).number if channel.leg else 0


def next_leg(channel: "PayerChannel", tariff: Tariff) -> "Leg | None":
    """The leg to sign for this tariff; None if the channel can't take it: it is not open, another
    leg is due, an IOU is to be signed first, or the two tariffs do not go together."""
    before = channel.terms.price.tariff
    if not channel.may_sign() or channel.covering_iou() is not None:
        return None
    if tariff.pricing != METERED or before.pricing != METERED:
        return None
    if (tariff.unit, tariff.currency, tariff.scale) != (before.unit, before.currency, before.scale):
        return None
    return Leg(channel.id, number(channel) + 1, tariff, channel.iou)


def signed(channel: "PayerChannel", message: bytes) -> None:
    """The next leg has been signed as `message`."""
    channel.next_leg = message
    channel.leg_due = True


def refused(channel: "PayerChannel") -> bool:
    """The gateway does not take what was said of a leg. False if it was one that it had taken: then
    it has forgotten it, and nothing that is signed here can be taken any more."""
    if not channel.next_leg:
        # Or the word is late, on a leg that was given up.
        return not channel.leg_due
    channel.next_leg = b""
    channel.leg_due = False
    return True


def granted(channel: "PayerChannel", name: bytes) -> bool:
    """The gateway says that the channel is on the leg of this handle; whether that was due."""
    if channel.leg and name == handle(channel.leg):
        was_due, channel.leg_due = channel.leg_due, bool(channel.next_leg)
        return was_due and not channel.leg_due
    if not channel.next_leg or name != handle(channel.next_leg):
        return False
    _begin(channel, channel.next_leg)
    return True


def price_ended(channel: "PayerChannel", units: int) -> "Iou | None":
    """The gateway takes nothing beyond so many units at the price that the channel is on. What was
    signed for more it can't have taken, nor will: the IOU to sign in its place, and give to
    `replaced`; None if there was nothing beyond.

    Raises ProtocolError `conflict` if the gateway has acknowledged more than that.
    """
    if units < channel.acked_units:
        raise ProtocolError("conflict", "refused.expected", "below what was acknowledged")
    price = channel.terms.price
    price.until = units
    if channel.signed_units <= units:
        return None
    return Iou(channel.id, price.amount_of(units), units)


def replaced(channel: "PayerChannel", iou: Iou, message: bytes) -> "Tariff | None":
    """`iou` has been signed as `message` in the place of what the gateway does not take. The tariff
    of the next leg, if one was signed, which carried that: it is to be signed anew."""
    tariff = _own(channel, channel.next_leg).tariff if channel.next_leg else None
    channel.next_leg = b""
    channel.leg_due = False
    _sign_from(channel, iou.amount, iou.units, message)
    return tariff


def resumed(
    channel: "PayerChannel",
    message: bytes,
    restored: bool,
    verify: "Callable[[bytes, bytes, bytes], bool]",
) -> None:
    """The gateway's picture of the leg that the channel is on (empty: on none). A later one than
    the device remembers, which it has signed itself, is taken up; one that the gateway does not
    have is to be said again, of all `restored` ones the last.

    Raises ProtocolError if the leg is not this device's own on this channel, or begins below what
    the gateway has acknowledged.
    """
    held, own = 0, number(channel)
    if message:
        leg = read_leg(envelope.open_sign1("leg", message, channel.terms.payer_key, verify))
        if leg.channel != channel.id:
            raise ProtocolError("not_yours", "resume.leg", "of another channel")
        held = leg.number
        if held > own:
            _begin(channel, message)
        elif held == own and message != channel.leg:
            raise ProtocolError("conflict", "resume.leg", "contradicts what this device has signed")
    lost = held < own
    channel.leg_due = bool(channel.next_leg) or lost or (restored and bool(channel.leg))


def _begin(channel: "PayerChannel", message: bytes) -> None:
    """The channel is on this leg. What was signed beyond the place where it begins, by the price
    before it, the gateway can't have taken, nor ever will: that is signed again."""
    leg = read_leg(envelope.parse_sign1("leg", message).payload)
    if channel.acked_amount > leg.amount:
        raise ProtocolError("conflict", "leg.last_iou", "below what was acknowledged")
    _price_by(channel, leg, message)
    channel.next_leg = b""
    channel.leg_due = False
    # A chain ends where a leg begins: the next IOU commits to a new one.
    _sign_from(channel, leg.amount, leg.units, leg.last_iou)


def _sign_from(channel: "PayerChannel", amount: int, units: int, message: bytes) -> None:
    """What is signed next is more than this IOU says (empty: than nothing), without ticks."""
    channel.iou = message
    channel.iou_amount = channel.signed_amount = amount
    channel.iou_units = channel.signed_units = units
    channel.ticker = None


def _price_by(channel: "PayerChannel", leg: Leg, message: bytes) -> None:
    channel.terms.price = leg.price(channel.terms)
    channel.leg = message


def read_record(channel: "PayerChannel", value: object) -> None:
    """The legs as `PayerChannel.record` gave them. Raises WireError if they are damaged."""
    parts = array(value, "record.legs")
    if len(parts) != 3:
        raise WireError("record.legs", "must have 3 parts")
    message = octets(parts[0], "record.leg")
    if message:
        _price_by(channel, _own(channel, message), message)
    channel.next_leg = octets(parts[1], "record.next_leg")
    if channel.next_leg and _own(channel, channel.next_leg).number != number(channel) + 1:
        raise WireError("record.next_leg", "not the next one")
    due = integer(parts[2], "record.leg_due")
    if due > 1 or not (channel.leg or channel.next_leg) or (channel.next_leg and not due):
        raise WireError("record.leg_due", "there is no such leg")
    channel.leg_due = due == 1


def _own(channel: "PayerChannel", message: bytes) -> Leg:
    leg = read_leg(envelope.parse_sign1("leg", message).payload)
    if leg.channel != channel.id:
        raise WireError("record.leg", "of another channel")
    return leg
