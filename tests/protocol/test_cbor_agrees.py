"""Our CBOR against cbor2: one encoding of each value, the same one, and no other taken."""

from typing import Any

import cbor2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol import cbor
from protocol.errors import WireError
from tests.protocol.parties import numbers

scalars = st.one_of(numbers, st.binary(max_size=300), st.text(max_size=80))


def containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(children, max_size=5) | st.dictionaries(numbers, children, max_size=5)


def levels(depth: int) -> st.SearchStrategy[Any]:
    return scalars if depth == 0 else scalars | containers(levels(depth - 1))


values = levels(cbor.MAX_DEPTH)


@settings(max_examples=600, deadline=None)
@given(values)
def test_values_encode_as_cbor2_does_and_come_back(value: Any) -> None:
    encoded = cbor.encode(value)
    assert encoded == cbor2.dumps(value, canonical=True)
    assert cbor.decode(encoded) == value == cbor2.loads(encoded)


@settings(max_examples=200, deadline=None)
@given(st.lists(levels(cbor.MAX_DEPTH - 1), max_size=23))
def test_numbered_values_encode_as_the_map_that_they_stand_for(given_values: list[Any]) -> None:
    assert cbor.encode_numbered(*given_values) == cbor.encode(dict(enumerate(given_values, 1)))


def accepted_only_if_it_is_the_one_encoding(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except WireError:
        return
    assert cbor.encode(value) == data
    assert cbor2.loads(data) == value


@pytest.mark.threat("D14")
@settings(max_examples=2_000, deadline=None)
@given(st.binary(max_size=64))
@example(b"\xa2\x01\x00\x01\x00")
@example(b"\x82\x00")
def test_random_bytes_are_refused_or_come_back_to_the_byte(data: bytes) -> None:
    accepted_only_if_it_is_the_one_encoding(data)


@settings(max_examples=2_000, deadline=None)
@given(values, st.data())
def test_mutated_encodings_are_refused_or_come_back_to_the_byte(value: Any, data: Any) -> None:
    encoded = bytearray(cbor.encode(value))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(encoded)))
        change = data.draw(st.sampled_from(["set", "insert", "delete"]))
        if change == "insert" or at == len(encoded):
            encoded.insert(at, data.draw(st.integers(0, 255)))
        elif change == "set":
            encoded[at] = data.draw(st.integers(0, 255))
        else:
            del encoded[at]
    accepted_only_if_it_is_the_one_encoding(bytes(encoded))


unlike = st.recursive(
    scalars
    | st.floats()
    | st.booleans()
    | st.none()
    | st.integers(-(2**70), -1)
    | st.integers(2**63, 2**70),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers(-9, 9), children, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.threat("D4", "D14")
@settings(max_examples=600, deadline=None)
@given(unlike, st.booleans())
def test_what_cbor2_writes_is_taken_only_within_the_subset(value: Any, canonical: bool) -> None:
    accepted_only_if_it_is_the_one_encoding(cbor2.dumps(value, canonical=canonical))


class Large(int):
    """An integer of another type."""


@pytest.mark.parametrize(
    "value",
    [
        -1, 2**63, 1.0, float("nan"), True, None, bytearray(b"x"), {"a": 1}, {1: 1, "a": 2},
        {True: 1}, {-1: 0}, {2**63: 0}, {b"x": 0}, "\ud800", [[[[[]]]]], {1: {1: {1: {1: {}}}}},
        {1}, Large(1), [1, [None]],
    ],
    ids=repr,
)  # fmt: skip
def test_values_without_a_place_on_the_wire_are_errors(value: Any) -> None:
    with pytest.raises(WireError) as caught:
        cbor.encode(value)
    assert caught.value.field == "cbor"
