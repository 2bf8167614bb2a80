"""What a device does when the price of its channel is to change: it signs where the one before
ends, says so, and waits for the answer before it signs anything else. Sans-IO.

What a leg says, and when it counts as taken, is `protocol`'s to tell; that it is said until it is
answered is `device`'s to do.
"""

from protocol import envelope, payer_legs
from protocol.payer import iou_message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.identity import Identity
    from firmware.record import Record
    from protocol.messages import Offer
    from protocol.payer import PayerChannel


def follow(
    channel: "PayerChannel", offer: "Offer", total: int, identity: "Identity", record: "Record"
) -> "list[tuple[str, bytes]]":
    """The IOU for all that was metered, and the leg that takes this channel to what is offered,
    both journaled; nothing if that does not follow on this channel, or can't yet."""
    if not channel.may_sign():
        return []
    # Once: if it is refused, that price is not offered any more.
    follows, offer.follows = offer.follows, b""
    if follows != channel.terms.price.tariff.id():
        return []
    sending = []
    iou = channel.next_iou(total) or channel.covering_iou()
    if iou is not None:
        message = iou_message(channel.terms, iou, identity.sign)
        channel.signed(iou, message)
        sending.append(("iou", message))
    leg = payer_legs.next_leg(channel, offer.tariff)
    if leg is not None:
        message = envelope.sign1("leg", leg.payload(), identity.sign)
        payer_legs.signed(channel, message)
        sending.append(("leg", message))
    record.save()
    return sending
