"""Keys, terms and strategies that tests of the protocol share."""

from collections.abc import Callable

from hypothesis import strategies as st
from nacl.signing import SigningKey

from gateway.keys import GatewayKeys
from protocol import MAX_INT, envelope, merkle
from protocol.errors import ProtocolError
from protocol.messages import Iou, Terms
from protocol.payer import PayerChannel
from protocol.pricing import METERED, Tariff

NOW = 1_800_000_000
DEVICE = GatewayKeys(b"\x01" * 32)
OTHER = GatewayKeys(b"\x02" * 32)
GATEWAY = GatewayKeys(b"\x03" * 32)
DEVICE_KEY = SigningKey(b"\x01" * 32)
MAC_KEY = GATEWAY.mac_key(DEVICE.public)
PRICE = Tariff("W.h", 300, 1, "EUR")

numbers = st.one_of(
    st.integers(0, MAX_INT),
    st.integers(0, 70_000),
    st.sampled_from([0, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, MAX_INT]),
)


def terms(
    tariff: Tariff = PRICE,
    capacity: int = 30_000_000,
    nonce: int = 0,
    payer: GatewayKeys = DEVICE,
    gateway: GatewayKeys = GATEWAY,
) -> Terms:
    """Terms that end a day after NOW."""
    return Terms(
        payer.public,
        gateway.public,
        gateway.public,
        tariff,
        capacity,
        NOW + 86_400,
        bytes([nonce]) * 16,
    )


def price(numerator: int, denominator: int, pricing: int = METERED) -> Tariff:
    return Tariff("W.h", numerator, denominator, "EUR", 6, pricing)


def opened(agreed: Terms, base: int = 0) -> PayerChannel:
    """The payer's side of a channel that the gateway has opened."""
    channel = PayerChannel(DEVICE.sign1("open", agreed.payload()), base)
    channel.opened(1_000, 0)
    return channel


def error_of(call: Callable[..., object], *arguments: object) -> ProtocolError | None:
    """The ProtocolError that a call raises, if it does; any other error is the test's failure."""
    try:
        call(*arguments)
    except ProtocolError as error:
        return error
    return None


def proof(leaves: list[bytes], index: int) -> list[bytes]:
    """The audit path of leaf `index` of these. Raises WireError if there is no such leaf."""
    tree = merkle.Tree()
    for leaf in leaves:
        tree.add(merkle.leaf_hash(leaf), tree.count == index)
    return tree.path()


def iou_message(iou: Iou, by: GatewayKeys = DEVICE) -> bytes:
    return envelope.sign1("iou", iou.payload(), by.sign)
