"""The gateway's answers: what is said, to which device, under which envelope."""

from dataclasses import dataclass

from gateway.ingest.directory import KnownChannel, KnownDevice
from gateway.keys import GatewayKeys
from protocol import envelope, topics
from protocol.errors import ProtocolError
from protocol.messages import CLOSE, Ack, Grant, Receipt, Refused, Resume


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
    return told(device, "ack", payload, channel.terms.gateway_key)


def grant(
    device: KnownDevice, channel: KnownChannel, free: int | None = None, capacity: int = 0
) -> Outgoing:
    """The channel's limit after an operator's decision. `free` is what the payer's account has left
    to reserve, if that is little; `capacity` answers a top-up."""
    if channel.topped_up:
        capacity = channel.terms.capacity
    payload = Grant(
        channel.id, channel.limit(device), channel.serial, capacity, free, channel.leg_handle
    ).payload()
    return told(device, "grant", payload, channel.terms.gateway_key)


def refused(
    device: KnownDevice, kind: str, channel_id: bytes, error: ProtocolError, gateway_key: bytes
) -> Outgoing:
    """Why a message was refused, and what would have been right."""
    payload = Refused(kind, error.reason, channel_id, error.expected).payload()
    return told(device, "refused", payload, gateway_key)


def resume(device: KnownDevice, said: Resume, gateway_key: bytes) -> Outgoing:
    """The device's open channels, to a hello under this key."""
    return told(device, "resume", said.payload(), gateway_key)


def told(device: KnownDevice, kind: str, payload: bytes, gateway_key: bytes) -> Outgoing:
    """What this device alone need believe, under this key of the gateway's."""
    message = envelope.mac0(kind, payload, device.mac_keys[gateway_key])
    return to_device(device.id, kind, message)


def receipt(keys: GatewayKeys, device_id: str, mark: Receipt, gateway_key: bytes) -> Outgoing:
    """A mark, signed, for anyone to check, by the key of the channel's terms."""
    message = keys.of(gateway_key).sign1("receipt", mark.payload())
    return to_device(device_id, "receipt", message)


def close_receipt(keys: GatewayKeys, channel: KnownChannel) -> Outgoing:
    """The receipt of a closed channel: the same bytes each time it is asked for, while the key of
    its terms is held."""
    mark = Receipt(channel.id, channel.amount, channel.units, CLOSE, channel.closed_at)
    return receipt(keys, channel.device_id, mark, channel.terms.gateway_key)


def successors(keys: GatewayKeys, device_id: str, after: bytes | None = None) -> list[Outgoing]:
    """The words that lead from this key of the gateway's to the newest, in order."""
    return [to_device(device_id, "successor", word) for word in keys.successors(after)]
