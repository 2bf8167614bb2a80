"""The device's key at work: the firmware's own cryptography, or the image's or the board's where it
has faster.

The seed never leaves this module's closures, and nothing here prints it.
"""

from firmware import once
from firmware.crypto import ed25519
from firmware.crypto.ed25519 import SignatureFault
from protocol import mac
from protocol.ids import device_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Identity:
    """The device's key and what follows from it. `gateway_key` is the one that its owner gave it,
    `shared_secret(key)` what it shares with the holder of a key (ValueError if nothing can be),
    `sign(message)` its Ed25519 signature; `verify(key, message, signature)` checks anybody's."""

    def __init__(
        self,
        public_key: bytes,
        gateway_key: bytes,
        shared_secret: "Callable[[bytes], bytes]",
        sign: "Callable[[bytes], bytes]",
        verify: "Callable[[bytes, bytes, bytes], bool]",
    ) -> None:
        self.id = device_id(public_key)
        self.public_key = public_key
        self.gateway_key = gateway_key
        self.sign = sign
        self.verify = verify
        self._shared_secret = shared_secret
        self._mac_keys: dict[bytes, bytes] = {}

    def mac_key(self, gateway_key: bytes) -> bytes:
        """The 32 bytes that it shares with this key of its gateway's; derived once, which takes a
        board a second. Raises ValueError for a key that nothing can be shared with."""
        known = self._mac_keys.get(gateway_key)
        if known is None:
            shared = self._shared_secret(gateway_key)
            known = mac.channel_mac_key(shared, self.public_key, gateway_key)
            self._mac_keys[gateway_key] = known
        return known


class Native:
    """What a board does in native code instead: sign with its seed, verify, agree on a secret (as
    `firmware.crypto.x25519.shared_secret`, ValueError for the same keys)."""

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


def identity_of(
    seed: bytes,
    gateway_key: bytes,
    random_bytes: "Callable[[int], bytes] | None" = None,
    checked: bool = False,
) -> Identity:
    """The identity with this 32-byte seed at this gateway, by the image's cryptography if it has
    any, else by the firmware's own, which `random_bytes` keeps from telling the key by its time.
    `checked`: each signature is verified before it is given away."""

    def shared_secret(peer: bytes) -> bytes:
        # Once for each key of the gateway's.
        from firmware.crypto import x25519

        secret = x25519.shared_secret(seed, peer)
        once.let_go("firmware.crypto.x25519")
        return secret

    from firmware.crypto import native

    offered = native.find()
    if offered is None:
        once.let_go("firmware.crypto.native")
    if offered is None:
        key = ed25519.SigningKey(seed, random_bytes, checked)
        own = Native(key.public_key, key.sign, ed25519.verify, shared_secret)
        return native_identity(own, gateway_key)
    public_key, sign = offered.signer(seed)
    verify = offered.verify if offered.verifies else ed25519.verify
    return native_identity(Native(public_key, sign, verify, shared_secret), gateway_key, checked)


def native_identity(native: Native, gateway_key: bytes, checked: bool = False) -> Identity:
    """The identity of a board that has cryptography of its own. `checked` as for `identity_of`."""
    public_key, verify = native.public_key, native.verify
    sign = native.sign

    def sign_and_verify(message: bytes) -> bytes:
        signature = sign(message)
        if not verify(public_key, message, signature):
            raise SignatureFault("signature: does not verify; nothing was signed")
        return signature

    return Identity(
        public_key,
        gateway_key,
        native.shared_secret,
        sign_and_verify if checked else sign,
        verify,
    )
