"""How a device and its gateway find out what the other one knows: its hello, and the resume.

Said on each new connection, and whenever the gateway shows that it was restored, or has another
key.
"""

from firmware import offers, paying
from protocol import messages, payer
from protocol.errors import ProtocolError, WireError
from protocol.messages import Hello
from protocol.payer import CLOSING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.device import Device
    from protocol.messages import Resumed

    Messages = list[tuple[str, bytes]]


def greet(device: "Device", now: int) -> "Messages":
    """Say hello; until the gateway has answered nothing is paid."""
    device.resumed = False
    device.nonce = device.random_bytes(messages.NONCE_SIZE)
    device.retry.answered()
    return device.sent([hello(device)], now)


def hello(device: "Device") -> "tuple[str, bytes]":
    """The hello of this connection."""
    return "hello", device.belief.seal("hello", Hello(device.nonce).payload())


def on_resume(device: "Device", message: bytes, now: int) -> "Messages":
    """The gateway says which channels it knows, and how far each is paid."""
    resume = messages.read_resume(device.belief.opened_mac("resume", message))
    if resume.nonce != device.nonce:
        raise WireError("resume.nonce", "not the answer to the last hello")
    # A device that has its journal knows its channels; one that it does not know is over. Taken
    # up again, with an older IOU, it would be signed on lower than before.
    lost = device.record.is_blank()
    listed = []
    restored = False
    for known in resume.channels:
        channel_id = payer.resumed_id(known)
        listed.append(channel_id)
        restored = is_restored(device, known.serial) or restored
        try:
            _take_up(device, channel_id, known, lost)
        except ProtocolError:
            device.ignored += 1
    if not device.resumed:
        # Not after a hello that asked for another offer: that one is repeated ever less often.
        device.retry.answered()
    device.resumed = True
    for channel in device.channels[:-1]:
        channel.state = CLOSING
    if restored:
        device.over_again().show_all()
    for channel in device.channels:
        if channel.ticker is None or restored:
            # The chain that proved its mark is lost, or the gateway may not know of it: a
            # signature says it all at once. One record for all of them, which `pay` saves: a
            # channel that is not covered yet claims more than its record proves.
            paying.sign(device, channel, channel.covering_iou())
        if channel.id not in listed:
            # The gateway does not list it: it is over, or the gateway lost it. Its terms, shown
            # again, get the answer which.
            channel.show_again()
    paying.pay(device, now)
    return resend(device, now) + offers.find(device, now)


def _take_up(device: "Device", channel_id: bytes, known: "Resumed", lost: bool) -> None:
    """Hear of one channel that the gateway knows. Raises ProtocolError if that can't be so."""
    verify = device.identity.verify
    channel = device.record.channel(channel_id)
    if channel is not None:
        channel.resumed(known, device.total, verify)
    elif device.record.close_of(channel_id) is not None:
        # The gateway lost that it is closed.
        device.over_again().close(known.open_message)
    elif lost:
        own, keys = device.identity.public_key, device.belief.keys
        device.channels.insert(0, payer.adopt(known, own, keys, device.total, verify))


def is_restored(device: "Device", serial: int) -> bool:
    """Whether a serial tells, for the first time, that the gateway was restored."""
    found = payer.generation(serial)
    if found <= device.generation:
        return False
    device.generation = found
    return True


def resend(device: "Device", now: int) -> "Messages":
    """All that an answer is due to, in an order in which it can be taken."""
    found = [pair for pair in device.unanswered() if pair[0] != "hello"]
    return device.sent(found, now)
