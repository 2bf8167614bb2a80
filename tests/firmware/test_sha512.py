"""SHA-512 in Python is the platform's SHA-512: a board without one signs the same bytes."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.crypto import sha512


# FIPS 180-4's examples.
@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (
            b"abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (
            b"",
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
            "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        ),
    ],
)
def test_standards_examples(message: bytes, digest: str) -> None:
    assert sha512.sha512_in_python(message).hex() == digest


def test_every_length_of_padding() -> None:
    for length in range(260):
        message = bytes(range(256))[:length].ljust(length, b"\xff")
        assert sha512.sha512_in_python(message) == hashlib.sha512(message).digest()


@given(st.binary(max_size=1000))
def test_any_message(message: bytes) -> None:
    expected = hashlib.sha512(message).digest()
    assert sha512.sha512_in_python(message) == expected
    assert sha512.sha512(message) == expected
