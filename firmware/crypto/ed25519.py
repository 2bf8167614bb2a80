"""Ed25519 (RFC 8032) on big integers: what a device signs with and checks the gateway with.

Nothing but the signature scheme may live here; its curve is in `curve`. `verify` decides as
libsodium does (cofactorless, no small-order or non-canonical point, S below L), so that device and
gateway never disagree about a signature.
"""

from firmware.crypto.base_table import BASE_COMB
from firmware.crypto.curve import (
    L,
    P,
    add,
    comb_of,
    decode_point,
    encode,
    is_small_order,
    multiply,
    multiply_comb,
    negative,
)
from firmware.crypto.sha512 import sha512

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class SignatureFault(Exception):
    """A signature that was just made does not verify: the chip computed wrongly, or is made to.
    Given away, such a signature can tell the key."""


def secret_scalar(seed: bytes) -> tuple[int, bytes]:
    """The clamped scalar and the 32-byte prefix of a 32-byte seed (RFC 8032, 5.1.5)."""
    if len(seed) != 32:
        raise ValueError("seed: must be 32 bytes, not " + str(len(seed)))
    digest = sha512(seed)
    scalar = int.from_bytes(digest[:32], "little")
    return scalar & ((1 << 254) - 8) | 1 << 254, digest[32:]


def public_key(seed: bytes) -> bytes:
    """The 32-byte public key of a 32-byte seed. Raises ValueError for another length."""
    return encode(multiply_comb(BASE_COMB, secret_scalar(seed)[0]))


class SigningKey:
    """A key that signs. What follows from the seed is computed once, as it costs as much as a
    signature.

    With `random_bytes` every signature is computed by other numbers on the way, so that the time
    that big integers and Euclid take tells nothing of the key; the signature is the same. With
    `checked` each one is verified before it is given away, which takes as long again, and once at
    start four times as long.
    """

    def __init__(
        self,
        seed: bytes,
        random_bytes: "Callable[[int], bytes] | None" = None,
        checked: bool = False,
    ) -> None:
        self._random_bytes = random_bytes
        self._scalar, self._prefix = secret_scalar(seed)
        point = multiply_comb(BASE_COMB, self._scalar, self._blind())
        self.public_key = encode(point)
        self._minus_key = comb_of(negative(point)) if checked else None

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message`: always the same for the same message. Raises
        SignatureFault."""
        nonce = int.from_bytes(sha512(self._prefix + message), "little") % L
        commitment = encode(multiply_comb(BASE_COMB, nonce, self._blind()))
        response = (nonce + _challenge(commitment, self.public_key, message) * self._scalar) % L
        if self._minus_key is not None:
            challenge = _challenge(commitment, self.public_key, message)
            against = multiply_comb(self._minus_key, challenge)
            if encode(add(multiply_comb(BASE_COMB, response), against)) != commitment:
                raise SignatureFault("signature: does not verify; nothing was signed")
        return commitment + response.to_bytes(32, "little")

    def _blind(self) -> int:
        if self._random_bytes is None:
            return 1
        return int.from_bytes(self._random_bytes(32), "little") % P or 1


def _challenge(commitment: bytes, public_key: bytes, message: bytes) -> int:
    return int.from_bytes(sha512(commitment + public_key + message), "little") % L


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is that key's over `message`. Never raises for bytes."""
    if len(signature) != 64:
        return False
    response = int.from_bytes(signature[32:], "little")
    if response >= L:
        return False
    point = decode_point(public_key)
    if point is None:
        return False
    commitment = bytes(signature[:32])
    against = multiply(negative(point), _challenge(commitment, public_key, message))
    expected = add(multiply_comb(BASE_COMB, response), against)
    # Comparing the encodings refuses every R that is not canonical.
    return not is_small_order(expected) and encode(expected) == commitment
