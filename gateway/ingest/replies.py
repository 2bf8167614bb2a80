"""The gateway's answers: what is said, to which device, under which envelope."""

from dataclasses import dataclass

from gateway.ingest.directory import KnownChannel, KnownDevice
from gateway.keys import GatewayKeys
from protocol import envelope, topics
from protocol.errors import ProtocolError
from protocol.messages import CLOSE, Ack, Grant, Receipt, Refused


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to publish, after the commit that makes it true."""

    topic: str
    payload: bytes
    qos: int


def to_device(device_id: str, kind: str, message: bytes) -> Outgoing:
    """A message of this kind to this device."""
    return Outgoing(topics.down(device_id, kind), message, topics.QOS[kind])


def ack(device: KnownDevice, channel: KnownChannel) -> Outgoing:
    """The channel's mark and limit, as they now are on disk."""
    payload = Ack(
        channel.id, channel.amount, channel.units, channel.limit(device), channel.serial
    ).payload()
    return to_device(device.id, "ack", envelope.mac0("ack", payload, device.mac_key))


def grant(device: KnownDevice, channel: KnownChannel) -> Outgoing:
    """The channel's limit after an operator's decision."""
    payload = Grant(channel.id, channel.limit(device), channel.serial).payload()
    return to_device(device.id, "grant", envelope.mac0("grant", payload, device.mac_key))


def refused(device: KnownDevice, kind: str, channel_id: bytes, error: ProtocolError) -> Outgoing:
    """Why a message was refused, and what would have been right."""
    payload = Refused(kind, error.reason, channel_id, error.expected).payload()
    return to_device(device.id, "refused", envelope.mac0("refused", payload, device.mac_key))


def receipt(keys: GatewayKeys, device_id: str, mark: Receipt) -> Outgoing:
    """A mark, signed, for anyone to check."""
    return to_device(device_id, "receipt", keys.sign1("receipt", mark.payload()))


def close_receipt(keys: GatewayKeys, channel: KnownChannel) -> Outgoing:
    """The receipt of a closed channel: the same bytes each time it is asked for."""
    mark = Receipt(channel.id, channel.amount, channel.units, CLOSE, channel.closed_at)
    return receipt(keys, channel.device_id, mark)
