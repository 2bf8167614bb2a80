"""The device's key at work: the firmware's own cryptography, or the board's where it has faster.

The seed never leaves this module's closures, and nothing here prints it.
"""

from firmware.crypto import ed25519, x25519
from firmware.device import Identity
from protocol import mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Native:
    """What a board does in native code instead: sign with its seed, verify, agree on a secret."""

    def __init__(
        self,
        public_key: bytes,
        sign: "Callable[[bytes], bytes]",
        verify: "Callable[[bytes, bytes, bytes], bool]",
        shared_secret: "Callable[[bytes], bytes]",
    ) -> None:
        self.public_key = public_key
        self.sign = sign
        self.verify = verify
        self.shared_secret = shared_secret


def identity_of(seed: bytes, gateway_key: bytes) -> Identity:
    """The identity with this 32-byte seed at this gateway, by the firmware's own cryptography."""
    key = ed25519.SigningKey(seed)
    shared = x25519.shared_secret(seed, gateway_key)
    mac_key = mac.channel_mac_key(shared, key.public_key, gateway_key)
    return Identity(key.public_key, gateway_key, mac_key, key.sign, ed25519.verify)


def native_identity(native: Native, gateway_key: bytes) -> Identity:
    """The identity of a board that has cryptography of its own."""
    shared = native.shared_secret(gateway_key)
    mac_key = mac.channel_mac_key(shared, native.public_key, gateway_key)
    return Identity(native.public_key, gateway_key, mac_key, native.sign, native.verify)
