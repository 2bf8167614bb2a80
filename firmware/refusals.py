"""What a device does when its gateway refuses something: wait, say it again, or give it up."""

from firmware import offers, paying, resuming
from protocol import messages
from protocol.payer import CLOSING
from protocol.reasons import FINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.device import Device
    from protocol.messages import Refused
    from protocol.payer import PayerChannel

    Messages = list[tuple[str, bytes]]

_RECEIPT_FOLLOWS = ("closed", "expired")
# Only the gateway's signed receipt says where payment on a channel ended.
_OPERATOR_DECIDES = ("frozen", "conflict", "device_suspended")
_PASSES = ("unavailable", "rate_limited")
_NO_TICK = ("no_chain", "bad_tick")
# Nothing was decided: what got no answer is repeated.
_WAIT = _RECEIPT_FOLLOWS + _OPERATOR_DECIDES + _PASSES


def on_refused(device: "Device", message: bytes, now: int) -> "Messages":
    """The gateway does not take what was said."""
    refused = device.belief.told("refused", message, messages.read_refused)
    device.refusals[refused.reason] = device.refusals.get(refused.reason, 0) + 1
    channel = device.record.channel(refused.channel)
    if refused.reason in _WAIT:
        return []
    if channel is None:
        if device.over is None:
            return []
        return device.sent(device.over.refused(refused.channel, refused.reason), now)
    if refused.reason == "unknown_channel" and refused.kind not in ("open", "tick"):
        # It accepted these terms once. Until it refuses them nothing that is signed is given up:
        # shown again, they are accepted again, and the IOU after them.
        channel.show_again()
        return device.sent([("open", channel.open_message)], now)
    if refused.reason in _NO_TICK:
        message = paying.cover(device, channel)
        return device.sent([("iou", message or channel.iou)], now) if channel.iou else []
    if refused.reason == "price_ended":
        return _on_price_ended(device, channel, refused, now)
    over = refused.kind == "open" or refused.reason in FINAL
    if refused.kind == "leg" and not over:
        from protocol import payer_legs

        if payer_legs.refused(channel):
            return paying.pay(device, now)
        # The gateway had taken it, and lost it: it takes nothing that is priced by it.
        over = True
    if over:
        device.record.end(channel, channel.carried(device.total, None), b"")
        if refused.reason == "xrpl_channel_used":
            device.used(channel)
        elif refused.kind == "open":
            device.offer = None
        return offers.open_channel(device, now)
    if refused.kind == "topup":
        return _on_topup_refused(device, channel, refused, now)
    count = device.refusals[refused.reason]
    if refused.reason == "wrong_amount" and count & (count - 1) == 0:
        # The gateway may have taken a leg that this device takes for refused: ask, the first time,
        # the second, the fourth.
        return resuming.greet(device, now)
    if refused.reason == "over_capacity":
        # A gateway whose books were restored may have lost the top-up.
        channel.topup_again()
    return []


def _on_price_ended(
    device: "Device", channel: "PayerChannel", refused: "Refused", now: int
) -> "Messages":
    from firmware import legs

    found = legs.end_price(channel, refused.expected, device.identity, device.record)
    if found and channel.state == CLOSING:
        found.append(paying.close_message(device, channel))
    return device.sent(found, now)


def _on_topup_refused(
    device: "Device", channel: "PayerChannel", refused: "Refused", now: int
) -> "Messages":
    if device.topups is None:
        channel.topup_refused()
        return []
    device.topups.refused(channel, refused, now)
    if channel.is_full(device.total):
        # Another top-up in its place, or the end of the channel.
        return paying.pay(device, now)
    return paying.top_up(device, now)
