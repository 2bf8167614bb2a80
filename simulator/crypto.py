"""Native cryptography for simulated boards and for tests, by libsodium: what the firmware's own
gives, sooner."""

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

from firmware.identity import Native


def native(key: SigningKey) -> Native:
    """What a board with cryptography of its own does with this key."""
    public = bytes(key.verify_key)
    secret = bindings.crypto_sign_ed25519_sk_to_curve25519(bytes(key) + public)

    def shared_secret(peer: bytes) -> bytes:
        try:
            point = bindings.crypto_sign_ed25519_pk_to_curve25519(peer)
            return bindings.crypto_scalarmult(secret, point)
        except CryptoError as error:
            raise ValueError("peer: no key that anybody holds") from error

    def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
        try:
            bindings.crypto_sign_open(signature + message, public_key)
        except (CryptoError, ValueError):
            return False
        return True

    return Native(public, lambda message: key.sign(message).signature, verify, shared_secret)
