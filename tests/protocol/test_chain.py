"""The payer's chain: the specification's values, in rising order, in little memory and work."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import hashchain
from protocol.errors import ProtocolError, WireError
from protocol.hashchain import Chain, walk
from protocol.ticker import RESERVE, Ticker, read_ticker

SECRET = bytes(range(32))


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 300), st.lists(st.integers(0, 300), max_size=20))
def test_every_value_is_the_specifications_in_whatever_order_it_is_asked_for(
    length: int, asked: list[int]
) -> None:
    chain = Chain(SECRET, length)
    assert chain.root == walk(SECRET, length)
    for index in asked:
        index = min(index, length)
        assert chain.value(index) == walk(SECRET, length - index)


@pytest.mark.parametrize("length", [1, 2, 1_000, 4_096])
def test_memory_and_work_grow_with_the_logarithm_of_its_length(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0

    def counted(value: bytes, count: int) -> bytes:
        nonlocal steps
        steps += count
        return walk(value, count)

    monkeypatch.setattr(hashchain, "walk", counted)
    chain = Chain(SECRET, length)
    assert steps == length
    held = 0
    for index in range(1, length + 1):
        chain.value(index)
        held = max(held, len(chain._checkpoints))
    depth = math.ceil(math.log2(length)) + 1 if length > 1 else 1
    assert held <= depth
    assert steps - length <= length * depth / 2


def test_nothing_is_revealed_beyond_what_is_journaled() -> None:
    ticker = Ticker(SECRET, 100, 5)
    with pytest.raises(ProtocolError):
        ticker.reveal(1)
    assert ticker.reserve(1)
    assert not ticker.reserve(1 + RESERVE)
    assert ticker.reveal(1 + RESERVE) == walk(SECRET, 99 - RESERVE)
    for index in (1, 1 + RESERVE, 2 + RESERVE):
        with pytest.raises(ProtocolError):
            ticker.reveal(index)


def test_a_record_brings_it_back_and_a_damaged_one_is_refused() -> None:
    ticker = Ticker(SECRET, 100, 5)
    ticker.reserve(30)
    kept = ticker.record()
    again = read_ticker(kept, 5, ticker.chain.root)
    assert (again.base, again.index, again.reserved) == (5, 0, 94)
    for wrong in ([SECRET[:31], 100, 94], [SECRET, 0, 0], [SECRET, 100, 101], [SECRET, 99, 50]):
        with pytest.raises(WireError):
            read_ticker(wrong, 5, ticker.chain.root)
