"""The gateway's identity key, and all cryptography that decides money.

One pinned verifier, libsodium through PyNaCl: it rejects small-order and non-canonical keys, which
other libraries accept. The seed is a file of 32 bytes, readable by its owner alone; it is never
logged and never leaves this module.
"""

import os
from pathlib import Path

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

from gateway import secret_files
from gateway.secret_files import SecretFileError
from protocol import envelope, mac

KEY_FILE = "gateway.key"


class KeyFileError(Exception):
    """The gateway's key can't be used as it is; the text says what would be right."""


class BadPublicKey(ValueError):
    """32 bytes that are no public key anybody can hold (or not 32 bytes)."""


class GatewayKeys:
    """What the gateway signs with. `public` is its 32-byte Ed25519 public key."""

    def __init__(self, seed: bytes) -> None:
        self._key = SigningKey(seed)
        self.public = bytes(self._key.verify_key)
        self._agreement = bindings.crypto_sign_ed25519_sk_to_curve25519(seed + self.public)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of `message`."""
        return self._key.sign(message).signature

    def sign1(self, kind: str, payload: bytes) -> bytes:
        """`payload` as a COSE_Sign1 of this gateway."""
        return envelope.sign1(kind, payload, self.sign)

    def mac_key(self, device_key: bytes) -> bytes:
        """The 32-byte key that this gateway shares with the device of this public key.

        Raises BadPublicKey.
        """
        try:
            peer = bindings.crypto_sign_ed25519_pk_to_curve25519(device_key)
            shared = bindings.crypto_scalarmult(self._agreement, peer)
        except (CryptoError, ValueError) as error:
            raise BadPublicKey("public key: not a valid Ed25519 key") from error
        return mac.channel_mac_key(shared, device_key, self.public)


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) is this key's Ed25519 signature of `message`.

    Never raises for bad input: what is not a signature does not verify. Releases the interpreter
    lock while it works.
    """
    # The binding looks at neither length: of a longer key it takes the beginning, past the end of a
    # shorter one it reads on, and a signature of another length borrows from the message.
    if len(public_key) != 32 or len(signature) != 64:
        return False
    try:
        bindings.crypto_sign_open(signature + message, public_key)
    except (CryptoError, ValueError):
        return False
    return True


def check_public_key(public_key: bytes) -> bytes:
    """`public_key` if a device may be registered with it.

    Raises BadPublicKey for wrong lengths, points not on the curve, non-canonical encodings, and
    points of small or mixed order (libsodium's conversion refuses them).
    """
    if len(public_key) != 32:
        raise BadPublicKey("public key: must be 32 bytes")
    if not bindings.crypto_core_ed25519_is_valid_point(public_key):
        raise BadPublicKey("public key: not a canonical point of the prime-order group")
    return public_key


def create(data: Path) -> GatewayKeys:
    """Make a new key in the data folder. Raises KeyFileError if there is one."""
    data.mkdir(parents=True, exist_ok=True)
    path = data / KEY_FILE
    seed = os.urandom(32)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path}: a gateway key exists; it is never overwritten") from None
    with os.fdopen(handle, "wb") as file:
        file.write(seed)
        file.flush()
        os.fsync(file.fileno())
    return GatewayKeys(seed)


def load(data: Path) -> GatewayKeys:
    """The key in the data folder.

    Raises KeyFileError if it is missing, damaged, another user's, or readable by others.
    """
    path = data / KEY_FILE
    try:
        seed = secret_files.read(path, "run `tallystick init`")
    except SecretFileError as error:
        raise KeyFileError(str(error)) from None
    if len(seed) != 32:
        raise KeyFileError(f"{path}: must be exactly 32 bytes; restore it from a backup")
    return GatewayKeys(seed)
