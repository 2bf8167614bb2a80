"""What Ed25519 must answer, by which code that nobody here has tried proves itself, and a board its
own computing.

Only answers may live here: of RFC 8032, and of signatures that libsodium refuses though the
equation of RFC 8032 holds for them. Other code takes those, and device and gateway would disagree.
"""

from binascii import unhexlify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

RFC_8032 = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
)
"""Tests 1 to 3 of its section 7.1: seed, public key, message, signature, in hex."""

_KEY = RFC_8032[2][1]

REFUSED = (
    # A key of order 1: this signature would fit every message.
    (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "edc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548df"
        "0500000000000000000000000000000000000000000000000000000000000000",
    ),
    # An R of order 1.
    (
        _KEY,
        "0100000000000000000000000000000000000000000000000000000000000000"
        "89653588ead4771e2326253c8cc167ed5f891f0c238314c9d136bb6e54f2f206",
    ),
    # An S with the group's order added to it.
    (
        _KEY,
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "05d391b0a77904e98404ef037747a56e4a7c15e9716ed28dc027beceea1ec41a",
    ),
)
"""Public key and signature, in hex, of the message of test 3."""


def signs_right(sign: "Callable[[bytes, bytes], tuple[bytes, bytes]]") -> bool:
    """Whether `sign(seed, message)` gives the public keys and signatures of RFC 8032, as a pair."""
    for seed, public_key, message, signature in RFC_8032:
        if sign(unhexlify(seed), unhexlify(message)) != (
            unhexlify(public_key),
            unhexlify(signature),
        ):
            return False
    return True


def verifies_right(verify: "Callable[[bytes, bytes, bytes], bool]") -> bool:
    """Whether `verify(public_key, message, signature)` takes what it must and refuses the rest."""
    for _, public_key, message, signature in RFC_8032:
        key, wrong = unhexlify(public_key), bytearray(unhexlify(signature))
        if not verify(key, unhexlify(message), bytes(wrong)):
            return False
        wrong[40] ^= 1
        if verify(key, unhexlify(message), bytes(wrong)):
            return False
    for public_key, signature in REFUSED:
        if verify(unhexlify(public_key), b"\xaf\x82", unhexlify(signature)):
            return False
    return True
