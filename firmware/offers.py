"""What a device buys: whose offers it takes, at which price, and the channel that it then opens.
Sans-IO.

Who signs for what is metered on that channel is `paying`.
"""

from binascii import unhexlify

from protocol import envelope, messages
from protocol.ids import device_id
from protocol.messages import Terms
from protocol.payer import PayerChannel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.device import Device
    from protocol.messages import Offer

    Messages = list[tuple[str, bytes]]


def is_wanted(device: "Device", offer: "Offer") -> bool:
    """Whether an offer is of what the device counts and of the payee that it buys from, and one
    channel would pay for a unit: one that pays for none is full as it opens. And not above the
    highest price."""
    price = offer.tariff
    if price.unit != device.unit or not price.units_within(_first_capacity(device, offer)):
        return False
    if device.xrpl is not None and not device.xrpl.fits(price):
        return False
    highest = device.highest_price
    if highest and price.numerator * 1_000 > (highest - price.session_fee) * price.denominator:
        return False
    if device.payee:
        return device_id(offer.payee_key) == device.payee
    return offer.payee_key == offer.gateway_key


def _first_capacity(device: "Device", offer: "Offer") -> int:
    """The capacity that a channel opens with."""
    capacity = device.capacity if device.topups is None else device.topups.portion
    return min(capacity, offer.max_capacity)


def open_channel(device: "Device", now: int) -> "Messages":
    """Open a channel if there is none and an offer for it."""
    offer = device.offer
    if offer is None or device.channels or not device.resumed or not device.wants_channel:
        return []
    if device.xrpl is not None and not device.xrpl.next:
        return []
    terms = Terms(
        device.identity.public_key,
        offer.payee_key,
        device.gateway_key,
        offer.tariff,
        _first_capacity(device, offer),
        offer.time + offer.max_lifetime,
        device.random_bytes(messages.NONCE_SIZE),
        b"" if device.xrpl is None else device.xrpl.next,
    )
    message = envelope.sign1("open", terms.payload(), device.identity.sign)
    device.channels.append(PayerChannel(message, device.record.base))
    device.record.save()
    return device.sent([("open", message)], now)


def find(device: "Device", now: int) -> "Messages":
    """Ask for what the wanted payee sells, if there is nobody to pay."""
    if not device.payee or device.channels or not device.wants_channel:
        return []
    from protocol.listings import Find

    wanted = Find(device.unit, "", unhexlify(device.payee))
    return device.sent([("find", device.belief.seal("find", wanted.payload()))], now)
