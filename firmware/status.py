"""What a device is doing, as one number: for people, as blinks of a lamp and as a line of text.

What may live here: the numbers, what they mean, and when the lamp is on. Who shows them is the
board's to decide.
"""

from firmware.link import NO_BROKER, NO_NETWORK, REFUSED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.device import Device
    from firmware.link import Link

DELIVERING = 0
NO_GATEWAY = 4
NO_CHANNEL = 5
WAITING = 6
NO_METER = 7
HELD = 8
FAILED = 9
RUNNING_OUT = 10
DELIVERS = (DELIVERING, RUNNING_OUT)
"""Those of a device that may deliver."""
TEXTS = {
    DELIVERING: "delivering",
    RUNNING_OUT: "delivering, but the account has little left: pay in, or raise its limit",
    NO_NETWORK: "no network",
    NO_BROKER: "no connection to the broker",
    REFUSED: "the broker refuses this device",
    NO_GATEWAY: "the gateway does not answer",
    NO_CHANNEL: "no channel: nothing is offered for this unit, or the terms are refused",
    WAITING: "waiting: no more may be delivered until what was is paid, or an operator allows it",
    NO_METER: "the meter does not answer",
    HELD: "held: the load is off for a while, or until the button is pressed",
    FAILED: "failed: see what the program printed",
}
"""A number up to 9 is the count of blinks; with 0 the lamp is on, with RUNNING_OUT it is off for a
moment now and then."""

BLINK_MS = 800
"""From one blink to the next; half of it the lamp is on."""
PAUSE_MS = 2_400


def status(delivers: bool, metering: bool, link: "Link", device: "Device") -> int:
    """The first thing that keeps a device from delivering; DELIVERING if nothing does, RUNNING_OUT
    if something soon may."""
    if not metering:
        return NO_METER
    if delivers:
        # Offline too, as far as the window goes.
        return DELIVERING if device.funds_left is None else RUNNING_OUT
    if link.trouble:
        return link.trouble
    if not device.resumed:
        return NO_GATEWAY
    return WAITING if device.has_channel() else NO_CHANNEL


def lit(code: int, now: int) -> bool:
    """Whether the lamp is on at `now`, in milliseconds."""
    if code == DELIVERING:
        return True
    if code == RUNNING_OUT:
        return now % PAUSE_MS >= BLINK_MS // 2
    at = now % (code * BLINK_MS + PAUSE_MS)
    return at < code * BLINK_MS and at % BLINK_MS < BLINK_MS // 2
