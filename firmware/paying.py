"""How a device pays for what it metered: by ticks and IOUs, and by closing what is full. Sans-IO.

Each function journals what its messages rest on before it returns them. What may be signed is
`protocol.payer`'s to decide, and when anything is said again `device`'s.
"""

from protocol import envelope, messages, payer
from protocol.messages import TICK_HANDLE_SIZE, Close, Tick
from protocol.payer import CLOSING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.device import Device
    from protocol.messages import Iou
    from protocol.payer import PayerChannel

    Messages = list[tuple[str, bytes]]


def tick(device: "Device", now: int) -> "Messages":
    """Pay by a tick that needs nothing journaled, if there is one."""
    channel = device.current()
    if channel is None or not device.resumed or channel.ticker is None:
        return []
    index = channel.next_tick(device.total)
    if index > channel.ticker.reserved or channel.is_chain_over(device.total):
        return pay(device, now)
    return device.sent([_tick_message(channel, index)], now) if index else []


def pay(device: "Device", now: int) -> "Messages":
    """Journal what was metered, and tick or sign what it costs if there is anyone to hear it."""
    device.flush_at = 0
    total = device.total
    channel = device.current()
    index = 0
    message = b""
    if channel is not None and device.resumed:
        index = channel.next_tick(total)
        if index and channel.ticker is not None:
            channel.ticker.reserve(index)
        else:
            message = sign(device, channel, channel.next_iou(total), device.chain_length)
    device.record.save()
    sending: Messages = []
    if index and channel is not None:
        sending.append(_tick_message(channel, index))
    elif message:
        sending.append(("iou", message))
    sending = device.sent(sending, now)
    if channel is not None and device.resumed and channel.is_full(total):
        return sending + (top_up(device, now) or _end_full(device, channel, now))
    return sending


def top_up(device: "Device", now: int) -> "Messages":
    """Let the channel that is paid on owe more, if it is time to ask for that."""
    channel = device.current()
    if device.topups is None or channel is None:
        return []
    if not device.resumed or not device.wants_channel:
        return []
    message = device.topups.next(channel, device.offer, now)
    return device.sent([("topup", message)], now) if message else []


def follow(device: "Device", now: int) -> "Messages":
    """Go over to the price that follows on the channel that is paid on, if one is offered."""
    channel, offer = device.current(), device.offer
    if channel is None or offer is None or not offer.follows or not device.resumed:
        return []
    # Loaded by those that are told of such a price.
    from firmware import legs

    found = legs.follow(channel, offer, device.total, device.identity, device.record)
    return device.sent(found, now)


def _end_full(device: "Device", channel: "PayerChannel", now: int) -> "Messages":
    """Close a channel that is full, unless it may be about to hold more, or to cost less."""
    return [] if channel.topup_due or channel.leg_due else close(device, now)


def sign(
    device: "Device", channel: "PayerChannel", iou: "Iou | None", chain_length: int = 0
) -> bytes:
    """The signed message of an IOU, which commits to a new chain if there is to be one; empty if
    there is no IOU. What calls it must save the record before it says it."""
    if iou is None:
        return b""
    ticker = None
    if chain_length:
        secret = device.random_bytes(messages.HASH_SIZE)
        ticker = channel.begin_chain(iou, secret, chain_length)
    message = payer.iou_message(channel.terms, iou, device.identity.sign)
    channel.signed(iou, message, ticker)
    return message


def cover(device: "Device", channel: "PayerChannel") -> bytes:
    """The IOU, journaled, that says what ticks have said; empty if there were none."""
    message = sign(device, channel, channel.covering_iou())
    if message:
        device.record.save()
    return message


def close(device: "Device", now: int) -> "Messages":
    """Close the channel that is paid on, if there is one."""
    channel = device.current()
    if channel is None:
        return []
    # The close carries an IOU, and it is to be the whole payment.
    sign(device, channel, channel.covering_iou())
    channel.state = CLOSING
    device.record.save()
    return device.sent([close_message(device, channel)], now)


def close_message(device: "Device", channel: "PayerChannel") -> "tuple[str, bytes]":
    """The close of a channel, with its last IOU."""
    payload = Close(channel.id, channel.iou).payload()
    return "close", envelope.sign1("close", payload, device.identity.sign)


def unsettled(channel: "PayerChannel") -> "Messages":
    """What was signed and ticked on a channel, again."""
    found = []
    ticker = channel.ticker
    if channel.acked_amount < channel.iou_amount or ticker is None or ticker.index == 0:
        found.append(("iou", channel.iou))
    if ticker is not None and ticker.index:
        found.append(_tick(channel, ticker.index, ticker.chain.value(ticker.index)))
    return found


def _tick_message(channel: "PayerChannel", index: int) -> "tuple[str, bytes]":
    """Tick `index`, which is journaled."""
    return _tick(channel, index, channel.ticked(index))


def _tick(channel: "PayerChannel", index: int, preimage: bytes) -> "tuple[str, bytes]":
    return "tick", Tick(channel.id[:TICK_HANDLE_SIZE], index, preimage).payload()
