"""SHA-512: the image's own, else machine code made from `sha512_viper`, else plain Python.

Which of them serves is chosen here, once at start; how they hash is in their own files. Stock
MicroPython has SHA-256 alone.
"""

import hashlib
from binascii import unhexlify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Hash = Callable[[bytes], bytes]

_KNOWN = (
    # FIPS 180-4's example, and one of two blocks.
    (
        b"abc",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ),
    (
        b"\xff" * 200,
        "dcd0044a15b62bc8ebdc4ac9d14063c0b0aec2f4951230fc960fbe70ccb1b91c"
        "f12782d8e3734d445c108a33e8b5ce5a79cd73aa547ecdaaf26bce2cc81a80c0",
    ),
)


def _of_image(data: bytes) -> bytes:
    return hashlib.sha512(data).digest()


def is_right(candidate: "Hash") -> bool:
    """Whether a function hashes as SHA-512 does, by two known answers. Machine code on a chip that
    nobody has tried it on must prove itself before keys rest on it."""
    for message, digest in _KNOWN:
        if candidate(message) != unhexlify(digest):
            return False
    return True


def choose() -> "tuple[str, Hash]":
    """The fastest that is right, and what it is: `image`, `viper` or `python`."""
    if hasattr(hashlib, "sha512") and is_right(_of_image):
        return "image", _of_image
    try:
        # Once: a chip's memory for machine code is freed by a reset alone.
        from firmware.crypto import sha512_viper
    except (ImportError, SyntaxError, ValueError, MemoryError):
        # No viper here, machine code of another chip, or no room for it.
        pass
    else:
        if is_right(sha512_viper.sha512):
            return "viper", sha512_viper.sha512
    from firmware.crypto import sha512_python

    return "python", sha512_python.sha512


SOURCE, sha512 = choose()
"""What the hash is, and the 64-byte SHA-512 of bytes."""
