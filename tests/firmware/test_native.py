"""Cryptography that an image offers: taken if it computes right, and never by its word alone."""

import sys
from collections.abc import Callable
from types import ModuleType

import nacl.signing
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519 as openssl
from nacl.exceptions import BadSignatureError

from firmware import identity
from firmware.crypto import ed25519, known_answers, native
from firmware.crypto.ed25519 import SignatureFault

SEED = bytes(range(32))
GATEWAY = bytes(nacl.signing.SigningKey(bytes(32)).verify_key)


class OpensslKey:
    """The image's signing key, by OpenSSL."""

    def __init__(self, seed: bytes) -> None:
        self._key = openssl.Ed25519PrivateKey.from_private_bytes(seed)

    @classmethod
    def from_private_bytes(cls, seed: bytes) -> "OpensslKey":
        return cls(seed)

    def public_key(self) -> "OpensslKey":
        return self

    def public_bytes(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


class Careless(OpensslKey):
    """One that signs wrongly."""

    def sign(self, message: bytes) -> bytes:
        return bytes(64)


class OpensslVerifier:
    """The image's public key, by OpenSSL."""

    def __init__(self, key: bytes) -> None:
        self._key = openssl.Ed25519PublicKey.from_public_bytes(key)

    @classmethod
    def from_public_bytes(cls, key: bytes) -> "OpensslVerifier":
        return cls(key)

    def verify(self, signature: bytes, message: bytes) -> None:
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            raise ValueError("of the image's own") from None


class SodiumVerifier:
    """Verifies as libsodium does."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def from_public_bytes(cls, key: bytes) -> "SodiumVerifier":
        return cls(key)

    def verify(self, signature: bytes, message: bytes) -> None:
        nacl.signing.VerifyKey(self._key).verify(message, signature)


def image(monkeypatch: pytest.MonkeyPatch, signs: type, verifies: type) -> None:
    """Let this be an image with such a module."""
    module = ModuleType("cryptography")
    module.ed25519 = ModuleType("ed25519")  # type: ignore[attr-defined]
    module.ed25519.Ed25519PrivateKey = signs
    module.ed25519.Ed25519PublicKey = verifies
    monkeypatch.setitem(sys.modules, "cryptography", module)


def test_the_known_answers_are_those_of_libsodium() -> None:
    def sign(seed: bytes, message: bytes) -> tuple[bytes, bytes]:
        key = nacl.signing.SigningKey(seed)
        return bytes(key.verify_key), key.sign(message).signature

    def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
        try:
            nacl.signing.VerifyKey(public_key).verify(message, signature)
        except BadSignatureError:
            return False
        return True

    for check in (verify, ed25519.verify):
        assert known_answers.verifies_right(check)
    assert known_answers.signs_right(sign)
    assert not known_answers.verifies_right(lambda *_: True)
    assert not known_answers.verifies_right(lambda *_: False)


def test_openssl_takes_what_libsodium_refuses() -> None:
    """Otherwise the answers that it must refuse would prove little."""
    (small_key, small_r, _) = known_answers.REFUSED
    for key, signature in (small_key, small_r):
        openssl.Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(
            bytes.fromhex(signature), b"\xaf\x82"
        )


def test_a_stock_image_offers_nothing() -> None:
    assert native.find() is None


def test_an_image_that_computes_right_signs_and_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    image(monkeypatch, OpensslKey, SodiumVerifier)
    found = identity.identity_of(SEED, GATEWAY, checked=True)
    assert found.verify.__qualname__.startswith("_ucryptography.")
    assert found.sign(b"x") == nacl.signing.SigningKey(SEED).sign(b"x").signature
    assert found.mac_key(GATEWAY) == _own(monkeypatch).mac_key(GATEWAY)


def test_an_image_that_takes_too_much_signs_and_the_firmware_verifies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image(monkeypatch, OpensslKey, OpensslVerifier)
    found = identity.identity_of(SEED, GATEWAY)
    assert found.verify is ed25519.verify
    assert found.sign.__self__.__class__ is OpensslKey  # type: ignore[attr-defined]


@pytest.mark.parametrize("signs", [Careless, type("Empty", (), {})])
def test_an_image_that_signs_wrongly_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, signs: type
) -> None:
    image(monkeypatch, signs, SodiumVerifier)
    assert native.find() is None


def test_a_checked_identity_gives_no_wrong_signature_away() -> None:
    def wrong(message: bytes) -> bytes:
        return bytes(64)

    public = bytes(nacl.signing.SigningKey(SEED).verify_key)
    sign: Callable[[bytes], bytes] = wrong
    offered = identity.Native(public, sign, ed25519.verify, lambda peer: bytes(range(32)))
    assert identity.native_identity(offered, GATEWAY).sign(b"x") == bytes(64)
    with pytest.raises(SignatureFault, match="nothing was signed"):
        identity.native_identity(offered, GATEWAY, checked=True).sign(b"x")


def _own(monkeypatch: pytest.MonkeyPatch) -> identity.Identity:
    monkeypatch.undo()
    return identity.identity_of(SEED, GATEWAY)
