"""Merkle proofs of statement lines: each line's holds, and nothing that was altered does."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import merkle
from protocol.errors import WireError
from protocol.messages import HASH_SIZE
from protocol.statements import PAYEE, PAYER, Statement, StatementLine, check_lines, read_line
from tests.protocol.parties import NOW, proof

leaves = st.lists(st.binary(max_size=40), min_size=1, max_size=70, unique=True)


@settings(max_examples=300, deadline=None)
@given(leaves, st.data())
def test_every_leafs_proof_holds_and_no_altered_one_does(data: list[bytes], draw: Any) -> None:
    index = draw.draw(st.integers(0, len(data) - 1))
    count, root, path = len(data), merkle.root(data), proof(data, index)
    leaf = data[index]
    assert merkle.is_included(leaf, index, count, path, root)
    assert not merkle.is_included(leaf + b"x", index, count, path, root)
    assert not merkle.is_included(leaf, index, count, [*path, root], root)
    assert not merkle.is_included(leaf, count, count, path, root)
    assert not merkle.is_included(leaf, -1, count, path, root)
    for other in range(count):
        assert merkle.is_included(leaf, other, count, path, root) == (other == index)
    if path:
        assert not merkle.is_included(leaf, index, count, path[:-1], root)
        at = draw.draw(st.integers(0, len(path) - 1))
        bit = draw.draw(st.integers(0, 8 * HASH_SIZE - 1))
        sibling = bytearray(path[at])
        sibling[bit // 8] ^= 1 << bit % 8
        altered = [*path[:at], bytes(sibling), *path[at + 1 :]]
        assert not merkle.is_included(leaf, index, count, altered, root)


@settings(max_examples=200, deadline=None)
@given(leaves, st.data())
def test_any_other_list_of_leaves_has_another_root(data: list[bytes], draw: Any) -> None:
    at = draw.draw(st.integers(0, len(data) - 1))
    assert merkle.root([*data, data[at]]) != merkle.root(data)
    assert merkle.root([*data[:at], data[at] + b"x", *data[at + 1 :]]) != merkle.root(data)
    assert merkle.root(data[:at] + data[at + 1 :]) != merkle.root(data)
    if len(data) > 1:
        assert merkle.root(data[1:] + data[:1]) != merkle.root(data)


def test_a_node_is_never_taken_for_a_leaf() -> None:
    left, right = b"left", b"right"
    root = merkle.root([left, right])
    inner = merkle.leaf_hash(left) + merkle.leaf_hash(right)
    assert not merkle.is_included(inner, 0, 1, [], root)
    assert not merkle.is_included(b"\x01" + inner, 0, 1, [], root)


@pytest.mark.parametrize("index", [-1, 3])
def test_a_proof_of_no_leaf_is_an_error(index: int) -> None:
    with pytest.raises(WireError, match="index"):
        proof([b"a", b"b", b"c"], index)


def line(role: int, start: int, end: int, units: tuple[int, int] = (0, 1)) -> bytes:
    return StatementLine(b"\x05" * 32, role, start, end, *units, b"\x06" * 32).encoded()


@pytest.mark.parametrize(
    "wrong", [line(2, 0, 1), line(PAYER, 2, 1), line(PAYER, 1, 2, (5, 4)), b"\xa0", b""]
)
def test_a_line_of_no_role_or_backwards_is_an_error(wrong: bytes) -> None:
    with pytest.raises(WireError):
        read_line(wrong)


@pytest.mark.parametrize(
    ("debits", "credit", "field"),
    [(30, 7, None), (31, 7, "statement.debits"), (30, 8, "statement.credits")],
)
def test_a_statement_holds_only_if_its_lines_add_up(
    debits: int, credit: int, field: str | None
) -> None:
    lines = [line(PAYER, 0, 10), line(PAYER, 80, 100), line(PAYEE, 3, 10)]
    root = merkle.root(lines)
    statement = Statement(1, "a", "EUR", 6, NOW, NOW, debits, credit, 3, root, bytes(32))
    if field is None:
        check_lines(statement, lines)
        return
    with pytest.raises(WireError) as caught:
        check_lines(statement, lines)
    assert caught.value.field == field
