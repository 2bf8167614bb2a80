"""The gateway's key file, and which public keys may be registered (D6)."""

from pathlib import Path

import pytest
from nacl.signing import SigningKey

from gateway import key_files, keys
from gateway.key_files import KeyFileError
from gateway.keys import BadPublicKey

P = 2**255 - 19
SMALL_ORDER = [
    (1).to_bytes(32, "little"),
    (0).to_bytes(32, "little"),
    (P - 1).to_bytes(32, "little"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
]
NON_CANONICAL = [
    P.to_bytes(32, "little"),
    (P + 1).to_bytes(32, "little"),
    b"\xff" * 32,
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
]


@pytest.mark.threat("D6")
@pytest.mark.parametrize("key", SMALL_ORDER + NON_CANONICAL, ids=lambda key: key.hex()[:12])
def test_d6_a_key_that_nobody_can_hold_is_refused_and_verifies_nothing(key: bytes) -> None:
    with pytest.raises(BadPublicKey):
        keys.check_public_key(key)
    # R = the identity, S = 0: what fits every message under a small-order key elsewhere.
    signature = (1).to_bytes(32, "little") + bytes(32)
    assert not keys.verify(key, b"any message", signature)
    assert not keys.verify(key, b"any message", key + bytes(32))


@pytest.mark.threat("D6")
def test_d6_a_key_of_mixed_order_is_refused() -> None:
    # A good key plus a point of order 2 is on the curve and outside the prime-order group:
    # negating x and y gives (x, y) + (0, -1).
    good = bytes(SigningKey(bytes(32)).verify_key)
    number = int.from_bytes(good, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    mixed = ((P - y) | ((1 - sign) << 255)).to_bytes(32, "little")
    assert keys.check_public_key(good) == good
    with pytest.raises(BadPublicKey):
        keys.check_public_key(mixed)


@pytest.mark.threat("D6")
@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(BadPublicKey, match="32 bytes"):
        keys.check_public_key(bytes(length))


def test_a_key_is_made_once_readable_by_its_owner_alone(tmp_path: Path) -> None:
    made = key_files.create(tmp_path)
    path = tmp_path / key_files.KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert key_files.load(tmp_path).public == made.public
    with pytest.raises(KeyFileError, match="never overwritten"):
        key_files.create(tmp_path)


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    key_files.create(tmp_path)
    (tmp_path / key_files.KEY_FILE).chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        key_files.load(tmp_path)


def test_a_missing_or_damaged_key_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="tallystick init"):
        key_files.load(tmp_path)
    key_files.create(tmp_path)
    (tmp_path / key_files.KEY_FILE).write_bytes(b"short")
    with pytest.raises(KeyFileError, match="32 bytes"):
        key_files.load(tmp_path)
