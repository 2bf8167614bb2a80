"""What a device makes of its gateway's messages, by their kinds.

Whose word counts is `belief`'s to decide, and what it changes on a channel `protocol.payer`'s.
"""

from firmware import offers, paying, resuming
from protocol import envelope, messages, payer
from protocol.errors import WireError
from protocol.messages import CLOSE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.device import Device

    Messages = list[tuple[str, bytes]]


def _on_offer(device: "Device", message: bytes, now: int) -> "Messages":
    offer = messages.read_offer(device.belief.opened_sign("offer", message))
    if offer.gateway_key != device.gateway_key:
        raise WireError("offer.gateway_key", "another gateway's")
    device.gateway_time = offer.time
    if not offers.is_wanted(device, offer):
        return []
    device.offer = offer
    return paying.follow(device, now) or offers.open_channel(device, now)


def _on_opened(device: "Device", message: bytes, now: int) -> "Messages":
    opened = device.belief.proved("opened", message, messages.read_opened)
    if resuming.is_restored(device, opened.serial):
        device.over_again().show_all()
    if device.over is not None and device.over.opened(opened.channel):
        return resuming.resend(device, now)
    channel = device.record.channel(opened.channel)
    if channel is None:
        return []
    channel.opened(opened.limit, opened.serial)
    device.retry.answered()
    paying.pay(device, now)
    return resuming.resend(device, now)


def _on_ack(device: "Device", message: bytes, now: int) -> "Messages":
    ack = device.belief.told("ack", message, messages.read_ack)
    if payer.generation(ack.serial) > device.generation:
        return resuming.greet(device, now) if device.resumed else []
    channel = device.record.channel(ack.channel)
    if channel is None:
        return []
    serial = channel.serial
    channel.acked(ack)
    channel.rebase(device.total)
    device.retry.answered()
    if channel.serial != serial:
        # An operator's decision, which the grant that told it first may not have brought.
        device.record.save()
    return []


def _on_grant(device: "Device", message: bytes, now: int) -> "Messages":
    grant = device.belief.told("grant", message, messages.read_grant)
    if payer.generation(grant.serial) > device.generation:
        # The gateway was restored, perhaps from before it knew a channel or its end.
        return resuming.greet(device, now) if device.resumed else []
    channel = device.record.channel(grant.channel)
    if channel is None:
        return []
    device.funds_left = grant.free
    if channel.granted(grant):
        if device.topups is not None:
            device.topups.taken()
        return paying.pay(device, now)
    device.record.save()
    return []


def _on_receipt(device: "Device", message: bytes, now: int) -> "Messages":
    said = messages.read_receipt(envelope.unverified(message))
    channel = device.record.channel(said.channel)
    over = device.over
    if channel is None and (over is None or not over.is_shown(said.channel)):
        # A payee's own channels end by such too: no signature need be checked here.
        return []
    receipt = device.belief.proved("receipt", message, messages.read_receipt)
    if over is not None and receipt.event == CLOSE:
        over.closed(receipt.channel)
    if channel is None:
        return []
    if receipt.event == CLOSE:
        base = channel.carried(device.total, receipt)
        device.used(channel)
        device.record.end(channel, base, message)
        device.retry.answered()
        return offers.open_channel(device, now)
    device.record.keep(message)
    return []


def _on_refused(device: "Device", message: bytes, now: int) -> "Messages":
    # Loaded by those that are refused something.
    from firmware import refusals

    return refusals.on_refused(device, message, now)


def _on_successor(device: "Device", message: bytes, now: int) -> "Messages":
    device.belief.follow(message)
    # What the key before it offered is no offer of this one.
    device.offer = None
    return resuming.greet(device, now)


HANDLERS = {
    "resume": resuming.on_resume,
    "offer": _on_offer,
    "opened": _on_opened,
    "ack": _on_ack,
    "grant": _on_grant,
    "receipt": _on_receipt,
    "refused": _on_refused,
    "successor": _on_successor,
}
"""By their kinds: each takes a device, a message and the time, raises ProtocolError for what does
not prove itself, and returns what is to be said."""
