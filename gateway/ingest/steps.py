"""What each step that a device asks for has in common: who signed, as what stands now, and again if
an operator decided meanwhile. What a step does is its own file's.
"""

from collections.abc import Callable

from sqlalchemy import Connection

from gateway.ingest.context import Context, Overtaken
from gateway.ingest.directory import KnownDevice
from gateway.ingest.replies import Outgoing
from protocol import envelope
from protocol.errors import AuthenticationError, ProtocolError

_MAX_ATTEMPTS = 8


def decided(context: Context, step: Callable[[Connection], list[Outgoing]]) -> list[Outgoing]:
    """Run a writing step, again if an operator decided meanwhile."""
    for _ in range(_MAX_ATTEMPTS):
        try:
            with context.read():
                pass
            with context.write() as conn:
                return step(conn)
        except Overtaken:
            continue
    raise Overtaken


def authentic(context: Context, device: KnownDevice, kind: str, message: bytes) -> bytes:
    """The payload of a message that this device signed. Raises ProtocolError."""
    signed = envelope.parse_sign1(kind, message)
    (good,) = context.verify_all([(device.public_key, signed.to_be_signed, signed.signature)])
    if not good:
        raise AuthenticationError(kind, "not signed by the device's key")
    return signed.payload


def current(context: Context, conn: Connection, device: KnownDevice) -> KnownDevice:
    """The device as it is in this transaction: an operator may have decided since it was read."""
    return context.directory.device(conn, device.id) or device


def suspended() -> ProtocolError:
    """Why a device that is not active is refused."""
    return ProtocolError("device_suspended", "device", "an operator has suspended this device")
