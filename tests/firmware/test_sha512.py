"""Every SHA-512 of the firmware is the platform's: a board without one signs the same bytes."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.crypto import sha512, sha512_python
from tests.firmware import viper

SOURCE = Path(sha512.__file__).with_name("sha512_viper.py")
HASHES = {"python": sha512_python.sha512, "viper": viper.load(SOURCE)["sha512"]}

each = pytest.mark.parametrize("hashed", HASHES.values(), ids=HASHES)


# FIPS 180-4's examples.
@each
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
def test_standards_examples(hashed: Callable[[bytes], bytes], message: bytes, digest: str) -> None:
    assert hashed(message).hex() == digest


def test_every_length_of_padding() -> None:
    for length in range(260):
        message = bytes(range(256))[:length].ljust(length, b"\xff")
        assert sha512_python.sha512(message) == hashlib.sha512(message).digest()


@pytest.mark.parametrize("length", [1, 110, 111, 112, 127, 128, 129, 239, 240])
def test_machine_code_pads_at_the_edges(length: int) -> None:
    """It pads by the same function as plain Python, for which every length is tried."""
    message = bytes(7 * place & 255 for place in range(length))
    assert HASHES["viper"](message) == hashlib.sha512(message).digest()


@given(st.binary(max_size=1000))
def test_any_message(message: bytes) -> None:
    assert sha512_python.sha512(message) == hashlib.sha512(message).digest()


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=100, max_size=200))
def test_machine_code_hashes_any_message(message: bytes) -> None:
    assert HASHES["viper"](message) == hashlib.sha512(message).digest()


def test_the_images_own_is_taken_where_there_is_one() -> None:
    assert sha512.SOURCE == "image"


def test_a_hash_that_is_wrong_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        def digest(self) -> bytes:
            return bytes(64)

    monkeypatch.setattr(hashlib, "sha512", lambda data: Wrong())
    name, hashed = sha512.choose()
    assert (name, hashed) == ("python", sha512_python.sha512)
    assert not sha512.is_right(lambda data: bytes(64))
    # Right in the first block alone: the second known answer finds it.
    assert not sha512.is_right(lambda data: sha512_python.sha512(data[:111]))
