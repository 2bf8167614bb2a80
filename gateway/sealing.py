"""Secrets that must be kept and be readable again: encrypted under a key that is in no database,
and bound to whose they are, so that one can't be put in another's place (XChaCha20-Poly1305)."""

import secrets

from nacl import bindings
from nacl.exceptions import CryptoError

_NONCE = bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES


class NotReadable(Exception):
    """A secret was kept under another key than this one, or is another's."""


def seal(key: bytes, whose: str, secret: str) -> bytes:
    """A secret as it is kept under a key of 32 bytes."""
    nonce = secrets.token_bytes(_NONCE)
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
        secret.encode(), whose.encode(), nonce, key
    )
    return nonce + sealed


def unseal(key: bytes, whose: str, kept: bytes) -> str:
    """A secret from what is kept. Raises NotReadable."""
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            kept[_NONCE:], whose.encode(), kept[:_NONCE], key
        ).decode()
    except (CryptoError, ValueError):
        raise NotReadable(whose) from None
