"""Ed25519 in native code, where the image has some, behind one small interface.

What may live here: one function for each kind of image that is known, which brings what that image
offers into the form of `Offered`, and the proof that it computes right. Nothing is taken on trust:
what gives one wrong answer is passed over, and the firmware's own code serves.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Verify = Callable[[bytes, bytes, bytes], bool]


class Offered:
    """What an image offers: `signer(seed)` gives the public key and a function that signs,
    `verify(public_key, message, signature)` tells."""

    def __init__(
        self, signer: "Callable[[bytes], tuple[bytes, Callable[[bytes], bytes]]]", verify: "Verify"
    ) -> None:
        self.signer = signer
        self.verify = verify
        self.verifies = False
        """Whether `verify` decides as libsodium does."""


def _ucryptography() -> Offered:
    """An image with the module of https://github.com/dmazzella/ucryptography."""
    from cryptography import ed25519

    def signer(seed: bytes) -> "tuple[bytes, Callable[[bytes], bytes]]":
        key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        return bytes(key.public_key().public_bytes()), key.sign

    def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
        try:
            ed25519.Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
        except Exception:  # noqa: BLE001 - no class of the image's own can be named here
            return False
        return True

    return Offered(signer, verify)


_OFFERS = (_ucryptography,)


def find() -> "Offered | None":
    """What this image offers and computes right, or None."""
    for offer in _OFFERS:
        try:
            found = offer()
            # Only now: most images offer nothing, and need not hold the answers.
            from firmware.crypto import known_answers

            if known_answers.signs_right(_signature(found)):
                found.verifies = known_answers.verifies_right(found.verify)
                return found
        except Exception:  # noqa: BLE001 - whatever it raises, it is of no use
            continue
    return None


def _signature(offered: Offered) -> "Callable[[bytes, bytes], tuple[bytes, bytes]]":
    def sign(seed: bytes, message: bytes) -> "tuple[bytes, bytes]":
        public_key, sign_with = offered.signer(seed)
        return public_key, bytes(sign_with(message))

    return sign
