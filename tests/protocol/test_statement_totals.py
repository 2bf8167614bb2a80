"""What a statement says became of an account's net, and what its lines say of fees and IOUs."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import cbor, merkle
from protocol.errors import WireError
from protocol.statements import (
    PAYEE,
    PAYER,
    Statement,
    StatementLine,
    Totals,
    check_lines,
    mark_hash,
    net,
    read_line,
    read_statement,
)
from tests.protocol.parties import error_of

FIRST, LAST = b"\x01" * 32, b"\x02" * 32
OLD: dict[int, object] = {
    1: 9, 2: "ant", 3: "EUR", 4: 6, 5: 100, 6: 200, 7: 30, 8: 7, 9: 3, 10: b"\x0a" * 32,
    11: b"\x0b" * 32,
}  # fmt: skip
NEW: dict[int, object] = OLD | {12: 2, 13: 1, 14: 0, 15: 4, 16: 5, 17: 12, 18: 0, 19: 3, 20: 0}
"""Owes 30 - 7 + 2 - 1 - 4 = 20: 5 of it from funds, 12 to collect, 3 left."""


def test_totals_are_written_and_read_in_this_order() -> None:
    encoded = cbor.encode(NEW)
    statement = read_statement(encoded)
    assert statement.payload() == encoded
    totals = statement.totals
    assert totals is not None
    assert vars(totals) == {
        "fees": 2, "fees_earned": 1, "carried": -4, "funds": 5, "moved": 12, "left": 3
    }  # fmt: skip
    assert net(statement) == 20
    other = NEW | {7: 0, 14: 4, 15: 0, 16: 0, 17: 0, 18: 1, 19: 0, 20: 1}
    totals = read_statement(cbor.encode(other)).totals
    assert totals is not None
    assert (totals.carried, totals.moved, totals.left) == (4, -1, -1)
    assert totals.values() == [2, 1, 4, 0, 0, 0, 1, 0, 1]


@given(st.lists(st.integers(-(2**40), 2**40), min_size=4, max_size=4), st.integers(0, 2**40))
def test_whatever_the_totals_they_come_back(numbers: list[int], fees: int) -> None:
    carried, funds, moved, left = numbers
    said = Totals(fees, 0, carried, abs(funds), moved, left)
    statement = Statement(*OLD.values(), totals=said)  # type: ignore[arg-type,misc]
    read = read_statement(statement.payload()).totals
    assert read is not None and vars(read) == vars(said)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({12: b""}, "statement.fees"),
        ({13: b""}, "statement.fees_earned"),
        ({14: 4}, "statement.carried"),
        ({14: b""}, "statement.carried"),
        ({15: b""}, "statement.carried"),
        ({16: b""}, "statement.funds"),
        ({18: 1}, "statement.moved"),
        ({20: 1}, "statement.left"),
        ({21: 0}, "statement"),
    ],
)
def test_bad_totals_are_refused_by_field(change: dict[int, object], field: str) -> None:
    error = error_of(read_statement, cbor.encode(NEW | change))
    assert error is not None and error.field == field
    for key in NEW:
        lacking = {each: value for each, value in NEW.items() if each != key}
        assert isinstance(error_of(read_statement, cbor.encode(lacking)), WireError)


@pytest.mark.threat("G1")
@pytest.mark.parametrize("key", [7, 8, 12, 13, 15, 16, 17, 19])
def test_totals_that_do_not_add_up_are_named(key: int) -> None:
    value = NEW[key]
    assert isinstance(value, int)
    error = error_of(net, read_statement(cbor.encode(NEW | {key: value + 1})))
    assert error is not None and error.field == "statement.totals"


def test_a_statement_without_totals_has_no_net() -> None:
    error = error_of(net, read_statement(cbor.encode(OLD)))
    assert error is not None and error.field == "statement.totals"


def line(role: int, start: int, first: bytes = b"", fee: int = 0) -> StatementLine:
    return StatementLine(
        b"\x05" * 32, role, start, start + 10, 1, 4, b"\x06" * 32, first, LAST, fee
    )


def test_a_line_tells_its_ious_and_its_fee() -> None:
    for each in (line(PAYER, 3, FIRST), line(PAYEE, 3, FIRST, 10), line(PAYEE, 0, fee=1)):
        read = read_line(each.encoded())
        assert vars(read) == vars(each)
        assert read.encoded() == each.encoded()
    assert cbor.decode(line(PAYEE, 3, FIRST, 10).encoded()) == {
        1: b"\x05" * 32, 2: 1, 3: 3, 4: 13, 5: 1, 6: 4, 7: b"\x06" * 32, 8: FIRST, 9: LAST, 10: 10
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({8: b"\x01" * 31}, "line.first"),
        ({8: b""}, "line.first"),
        ({3: 0, 4: 10}, "line.first"),
        ({9: b"\x02" * 33}, "line.last"),
        ({10: 0}, "line.fee"),
        ({10: b""}, "line.fee"),
        ({10: 11}, "line.fee"),
        ({2: PAYER}, "line.fee"),
        ({11: 0}, "line"),
    ],
)
def test_a_bad_end_or_fee_of_a_line_is_refused_by_field(
    change: dict[int, object], field: str
) -> None:
    good = cbor.decode(line(PAYEE, 3, FIRST, 10).encoded())
    assert isinstance(good, dict)
    error = error_of(read_line, cbor.encode(good | change))
    assert error is not None and error.field == field


def test_the_hash_of_a_mark_is_that_of_all_that_proves_it() -> None:
    assert mark_hash(b"iou") == hashlib.sha256(b"iou").digest()
    assert mark_hash(b"iou", b"tick") == hashlib.sha256(b"ioutick").digest()


@pytest.mark.threat("G1")
@pytest.mark.parametrize(("stated", "holds"), [(3, True), (2, False), (4, False), (None, False)])
def test_fees_are_those_of_the_lines(stated: int | None, holds: bool) -> None:
    lines = [line(PAYEE, 0, fee=1).encoded(), line(PAYEE, 10, FIRST, 2).encoded()]
    said = {**OLD, 7: 0, 8: 20, 9: 2, 10: merkle.root(lines)}
    totals = None if stated is None else Totals(stated, 0, 0, 0, -17, 0)
    statement = Statement(*said.values(), totals=totals)  # type: ignore[arg-type,misc]
    error = error_of(check_lines, statement, lines)
    assert (error is None) == holds
    assert error is None or error.field == "statement.fees"
