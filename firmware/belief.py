"""Whom a device believes: the key of its gateway's that it was given, or the one that follows it.

What may live here: which key a message must be signed or sealed with. What a message then means is
`device`'s, which key follows which is `protocol.succession`'s.
"""

from protocol import envelope, succession
from protocol.errors import AuthenticationError, WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from firmware.identity import Identity
    from firmware.record import Record


class Belief:
    """The keys that a device believes: one now, and for channels of an older one that as well.

    Raises ValueError if the one now is a key that no MAC key comes from.
    """

    def __init__(self, identity: "Identity", record: "Record") -> None:
        self._identity = identity
        self._record = record
        record.keys = succession.line_of(identity.gateway_key, record.keys)
        identity.mac_key(self.key)

    @property
    def key(self) -> bytes:
        """The gateway's key that is believed now."""
        return self._record.keys[-1]

    @property
    def keys(self) -> list[bytes]:
        """All that were believed, oldest first."""
        return self._record.keys

    def seal(self, kind: str, payload: bytes) -> bytes:
        """`payload` for the gateway alone."""
        return envelope.mac0(kind, payload, self._identity.mac_key(self.key))

    def opened_mac(self, kind: str, message: bytes) -> bytes:
        """The payload of what is sealed by the key that is believed now. Raises ProtocolError."""
        return self._mac(kind, message, self.key)

    def opened_sign(self, kind: str, message: bytes) -> bytes:
        """The payload of what is signed by the key that is believed now. Raises ProtocolError."""
        return self._sign(kind, message, self.key)

    def told(self, kind: str, message: bytes, read: "Callable[[bytes], Any]") -> "Any":
        """What is sealed about a channel, by the key that is believed now or by the one in the
        channel's terms. Raises ProtocolError."""
        return self._of_channel(self._mac, kind, message, read)

    def proved(self, kind: str, message: bytes, read: "Callable[[bytes], Any]") -> "Any":
        """What is signed about a channel, as `told`."""
        return self._of_channel(self._sign, kind, message, read)

    def signed_of(self, kind: str, message: bytes, key: bytes) -> bytes:
        """The payload of what is signed about a channel with `key` in its terms: by that one or by
        the one believed now. Raises ProtocolError."""
        try:
            return self._sign(kind, message, self.key)
        except AuthenticationError:
            if key == self.key:
                raise
            return self._sign(kind, message, key)

    def follow(self, message: bytes) -> None:
        """Believe the key that this `successor` names, and no other from now on. Durable on return.

        Raises ProtocolError, and nothing has changed, unless the key believed until now signed it.
        """
        key = succession.next_key(self.keys, message, self._identity.verify)
        try:
            self._identity.mac_key(key)
        except ValueError:
            raise WireError("successor.key", "must be a key that a MAC key comes from") from None
        self._record.keys = succession.followed(self.keys, key)
        self._record.save()

    def _mac(self, kind: str, message: bytes, key: bytes) -> bytes:
        return envelope.open_mac0(kind, message, self._identity.mac_key(key))

    def _sign(self, kind: str, message: bytes, key: bytes) -> bytes:
        return envelope.open_sign1(kind, message, key, self._identity.verify)

    def _of_channel(
        self,
        opened: "Callable[[str, bytes, bytes], bytes]",
        kind: str,
        message: bytes,
        read: "Callable[[bytes], Any]",
    ) -> "Any":
        try:
            return read(opened(kind, message, self.key))
        except AuthenticationError:
            # Which channel it is about may be read before, to find out whose word it must be.
            key = self._record.gateway_key_of(read(envelope.unverified(message)).channel)
            if key is None or key == self.key:
                raise
            return read(opened(kind, message, key))
