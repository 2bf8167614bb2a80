"""What is sealed for one device or by it: under which of the gateway's keys."""

from gateway.ingest.context import Context
from gateway.ingest.directory import KnownDevice
from protocol import envelope
from protocol.errors import AuthenticationError


def opened(context: Context, device: KnownDevice, kind: str, message: bytes) -> tuple[bytes, bytes]:
    """The payload of what this device sealed, and the key of the gateway's that it is for: the one
    that the device believes. Raises ProtocolError if it is for none that is held."""
    newest, *others = context.keys.held
    try:
        payload = envelope.open_mac0(kind, message, device.mac_keys[newest.public])
    except AuthenticationError:
        for each in others:
            try:
                payload = envelope.open_mac0(kind, message, device.mac_keys[each.public])
            except AuthenticationError:
                continue
            return payload, each.public
        raise
    return payload, newest.public
