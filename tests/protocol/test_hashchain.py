"""Ticks: a value of the chain is one at its own place and nowhere else."""

from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import hashchain

secrets = st.binary(min_size=32, max_size=32)


def chain(secret: bytes, length: int) -> list[bytes]:
    """w[0], the root, to w[length], the secret, as the specification has them."""
    values = [secret]
    for _ in range(length):
        values.insert(0, sha256(values[0]).digest())
    return values


@settings(max_examples=200, deadline=None)
@given(secrets, st.integers(1, 40), st.data())
def test_a_tick_holds_at_its_index_from_any_value_before_it(
    secret: bytes, length: int, data: st.DataObject
) -> None:
    values = chain(secret, length)
    known = data.draw(st.integers(0, length - 1))
    index = data.draw(st.integers(known + 1, length))
    for claimed in range(length + 3):
        holds = hashchain.is_tick(values[index], claimed, values[known], known)
        assert holds == (claimed == index)


@settings(max_examples=200, deadline=None)
@given(secrets, secrets, st.integers(1, 40))
def test_another_chains_value_is_no_tick(secret: bytes, other: bytes, length: int) -> None:
    root = chain(secret, length)[0]
    assert hashchain.walk(secret, length) == root
    assert hashchain.is_tick(other, length, root, 0) == (other == secret)


@settings(max_examples=100, deadline=None)
@given(secrets, st.integers(0, 40), st.integers(0, 40))
def test_a_tick_that_was_known_before_is_none(secret: bytes, index: int, back: int) -> None:
    assert not hashchain.is_tick(secret, max(0, index - back), secret, index)
