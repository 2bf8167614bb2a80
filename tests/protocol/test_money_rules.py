"""The rules of money in single figures: what an IOU comes to, what units cost.

Each case stands at an edge, with what lies on both sides of it.
"""

import hashlib
from typing import Any

import pytest

from protocol import MAX_INT, cbor, merkle, payee, xrpl
from protocol.errors import ProtocolError, WireError
from protocol.messages import Iou
from protocol.payee import CLOSED, CONTRADICTS, FROZEN, OPEN, RAISES, STALE
from protocol.pricing import METERED, OPEN_ENDED, Tariff, tariff_from_map
from protocol.statements import (
    PAYEE,
    PAYER,
    Statement,
    StatementLine,
    check_lines,
    read_line,
    read_statement,
)
from tests.protocol.parties import NOW, error_of, price, proof, terms

EXPIRY = NOW + 86_400
CAPACITY = 30_000_000
TOPUP: dict[str, Any] = {
    "state": OPEN,
    "capacity": 100,
    "expiry": 100,
    "greatest": 200,
    "wanted": 101,
    "now": 0,
}


def judged(
    amount: int,
    units: int,
    state: str = OPEN,
    mark: tuple[int, int] = (600, 2),
    now: int = NOW,
    tariff: Tariff | None = None,
) -> str | tuple[str, int]:
    """The verdict, or reason and expected figure of the refusal."""
    agreed = terms(tariff) if tariff else terms()
    try:
        return payee.judge(agreed, state, *mark, Iou(bytes(32), amount, units), now)
    except ProtocolError as error:
        return error.reason, error.expected


TIPS = price(300, 1, OPEN_ENDED)


@pytest.mark.threat("D2", "D3", "D4", "D10")
@pytest.mark.parametrize(
    ("amount", "units", "state", "mark", "now", "tariff", "outcome"),
    [
        # At the mark, and below it.
        (600, 2, OPEN, (600, 2), NOW, None, STALE),
        (600, 2, FROZEN, (600, 2), NOW, None, STALE),
        (600, 2, CLOSED, (600, 2), EXPIRY, None, STALE),
        (300, 1, OPEN, (600, 2), NOW, None, STALE),
        (599, 2, OPEN, (600, 2), NOW, None, STALE),
        (599, 1, CLOSED, (600, 2), EXPIRY, None, STALE),
        (0, 0, OPEN, (0, 0), NOW, None, STALE),
        (0, 7, OPEN, (0, 0), NOW, None, STALE),
        (0, 7, OPEN, (0, 9), NOW, None, STALE),
        (1, 7, OPEN, (1, 7), NOW, TIPS, STALE),
        (1, 8, OPEN, (1, 7), NOW, TIPS, CONTRADICTS),
        (1, 6, OPEN, (1, 7), NOW, TIPS, CONTRADICTS),
        # What can't both be honest.
        (600, 3, OPEN, (600, 2), NOW, None, CONTRADICTS),
        (600, 1, OPEN, (600, 2), NOW, None, CONTRADICTS),
        (599, 3, OPEN, (600, 2), NOW, None, CONTRADICTS),
        (900, 1, OPEN, (600, 2), NOW, None, CONTRADICTS),
        (900, 1, OPEN, (600, 2), EXPIRY, None, CONTRADICTS),
        # Where nothing may be taken any more.
        (900, 3, CLOSED, (600, 2), NOW, None, ("closed", 600)),
        (900, 1, CLOSED, (600, 2), NOW, None, ("closed", 600)),
        (900, 3, FROZEN, (600, 2), NOW, None, ("frozen", 0)),
        (600, 3, FROZEN, (600, 2), NOW, None, ("frozen", 0)),
        (900, 3, OPEN, (600, 2), EXPIRY, None, ("expired", EXPIRY)),
        (900, 3, OPEN, (600, 2), EXPIRY + 1, None, ("expired", EXPIRY)),
        # What raises the mark, to the last unit and second.
        (900, 3, OPEN, (600, 2), EXPIRY - 1, None, RAISES),
        (CAPACITY, 100_000, OPEN, (600, 2), NOW, None, RAISES),
        (CAPACITY + 300, 100_001, OPEN, (600, 2), NOW, None, ("over_capacity", CAPACITY)),
        (CAPACITY + 1, 100_000, OPEN, (600, 2), NOW, None, ("over_capacity", CAPACITY)),
        (901, 3, OPEN, (600, 2), NOW, None, ("wrong_amount", 900)),
        (899, 3, OPEN, (600, 2), NOW, None, ("wrong_amount", 900)),
        (900, 2, OPEN, (600, 2), NOW, None, ("wrong_amount", 600)),
        # Where the payer chooses the amount.
        (601, 2, OPEN, (600, 2), NOW, TIPS, RAISES),
        (CAPACITY, 2, OPEN, (600, 2), NOW, TIPS, RAISES),
        (CAPACITY + 1, 2, OPEN, (600, 2), NOW, TIPS, ("over_capacity", CAPACITY)),
        (601, 1, OPEN, (600, 2), NOW, TIPS, CONTRADICTS),
    ],
)
def test_what_an_iou_comes_to(
    amount: int,
    units: int,
    state: str,
    mark: tuple[int, int],
    now: int,
    tariff: Tariff | None,
    outcome: object,
) -> None:
    assert judged(amount, units, state, mark, now, tariff) == outcome


CLAIM = b"c" * 64
NAMED = b"n" * 32
DROPS = Tariff("W.h", 300, 1, "XRP")


@pytest.mark.threat("D17")
@pytest.mark.parametrize(
    ("amount", "units", "named", "claim", "chain", "outcome"),
    [
        (900, 3, NAMED, CLAIM, 0, RAISES),
        (900, 3, NAMED, b"", 0, ("bad_xrpl_claim", 900)),
        (900, 3, b"", CLAIM, 0, ("bad_xrpl_claim", 900)),
        (900, 3, b"", b"", 0, RAISES),
        # No ticks where each amount needs a claim.
        (900, 3, NAMED, CLAIM, 1, ("no_chain", 0)),
        (900, 3, b"", b"", 1, RAISES),
        # What comes before.
        (600, 2, NAMED, b"", 0, STALE),
        (600, 3, NAMED, b"", 0, CONTRADICTS),
        (901, 3, NAMED, b"", 0, ("wrong_amount", 900)),
        (CAPACITY + 300, 100_001, NAMED, b"", 1, ("over_capacity", CAPACITY)),
    ],
)
def test_what_an_iou_comes_to_where_the_terms_name_an_xrpl_channel(
    amount: int, units: int, named: bytes, claim: bytes, chain: int, outcome: object
) -> None:
    agreed = terms(DROPS)
    agreed.xrpl_channel = named
    iou = Iou(bytes(32), amount, units, bytes(32) if chain else b"", chain, claim)
    try:
        found: object = payee.judge(agreed, OPEN, 600, 2, iou, NOW)
    except ProtocolError as error:
        found = (error.reason, error.expected)
    assert found == outcome


@pytest.mark.threat("D17")
def test_a_claim_is_checked_by_the_payers_key_over_this_channel_and_amount() -> None:
    agreed = terms(DROPS)
    agreed.xrpl_channel = NAMED
    iou = Iou(bytes(32), 900, 3, xrpl_claim=CLAIM)
    asked = []

    def verify(key: bytes, message: bytes, signature: bytes) -> bool:
        asked.append((key, message, signature))
        return len(asked) == 1

    claimed = b"CLM\x00" + NAMED + b"\x00\x00\x00\x00\x00\x00\x03\x84"
    assert error_of(xrpl.check_claim, agreed, iou, verify) is None
    assert asked == [(agreed.payer_key, claimed, CLAIM)]
    error = error_of(xrpl.check_claim, agreed, iou, verify)
    assert error is not None
    assert (error.reason, error.field, error.expected) == ("bad_xrpl_claim", "iou.xrpl_claim", 900)
    # Where nothing is asked for there is nothing to check.
    agreed.xrpl_channel = b""
    iou.xrpl_claim = b""
    assert error_of(xrpl.check_claim, agreed, iou, verify) is None
    assert len(asked) == 2
    iou.xrpl_claim = CLAIM
    error = error_of(xrpl.check_claim, agreed, iou, verify)
    assert error is not None
    assert (error.reason, error.field, error.expected) == ("bad_xrpl_claim", "iou.xrpl_claim", 900)


def test_the_ledgers_drop_is_the_atomic_unit_of_xrp_at_scale_6_alone() -> None:
    found = [
        (currency, scale)
        for currency in ("XRP", "EUR")
        for scale in range(19)
        if xrpl.counts_drops(Tariff("W.h", 1, 1, currency, scale))
    ]
    assert found == [("XRP", 6)]


def test_the_words_of_verdicts_states_and_steps_are_these() -> None:
    """The database, the wire and the pages say them too."""
    assert (STALE, RAISES, CONTRADICTS) == ("stale", "raises", "contradicts")
    assert payee.TRANSITIONS == {
        ("open", "freeze"): "frozen",
        ("open", "close"): "closed",
        ("open", "expire"): "closed",
        ("frozen", "thaw"): "open",
        ("frozen", "close"): "closed",
    }


@pytest.mark.threat("D11")
@pytest.mark.parametrize(
    ("numerator", "denominator", "pricing", "capacity", "mark", "window", "limit"),
    [
        (300, 1, METERED, CAPACITY, 0, 1_000, 1_000),
        (300, 1, METERED, CAPACITY, 50, 10, 60),
        (300, 1, METERED, CAPACITY, 99_995, 10, 100_000),
        (300, 1, METERED, CAPACITY, 100_000, 10, 100_000),
        # A window that costs less than one atomic unit reaches to the first that costs one more.
        (1, 100, METERED, 1_000, 0, 1, 100),
        (1, 100, METERED, 1_000, 100, 1, 200),
        (1, 100, METERED, 1_000, 99, 5, 104),
        (1, 100, METERED, 1_000, 50, 1, 100),
        (1, 100, METERED, 1, 100, 1, 199),
        # Free of charge: as far as the numbers go, though the capacity pays for no end of it.
        (0, 1, METERED, 1, 5, 7, MAX_INT),
        (300, 1, METERED, 299, 0, 10, 0),
        (300, 1, OPEN_ENDED, 299, 0, 10, 10),
        (1, 100, OPEN_ENDED, 1_000, 50, 1, 51),
        (300, 1, OPEN_ENDED, CAPACITY, MAX_INT - 3, 10, MAX_INT),
        (300, 1, OPEN_ENDED, CAPACITY, MAX_INT - 10, 10, MAX_INT),
    ],
)
def test_how_far_a_device_may_deliver(
    numerator: int,
    denominator: int,
    pricing: int,
    capacity: int,
    mark: int,
    window: int,
    limit: int,
) -> None:
    agreed = terms(price(numerator, denominator, pricing), capacity)
    assert payee.limit(agreed, mark, window) == limit


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"unit": ""}, "tariff.unit"),
        ({"unit": "x" * 17}, "tariff.unit"),
        ({"unit": "W h"}, "tariff.unit"),
        ({"unit": "W\x7f"}, "tariff.unit"),
        ({"unit": "µ"}, "tariff.unit"),
        ({"numerator": -1}, "tariff.numerator"),
        ({"numerator": MAX_INT + 1}, "tariff.numerator"),
        ({"denominator": 0}, "tariff.denominator"),
        ({"denominator": MAX_INT + 1}, "tariff.denominator"),
        ({"pricing": 2}, "tariff.pricing"),
        ({"pricing": -1}, "tariff.pricing"),
        ({"currency": "EURO"}, "tariff.currency"),
        ({"currency": "eur"}, "tariff.currency"),
        ({"scale": 19}, "tariff.scale"),
        ({"scale": -1}, "tariff.scale"),
    ],
)
def test_a_tariff_that_can_not_be_is_refused_by_field(
    changes: dict[str, object], field: str
) -> None:
    values: dict[str, object] = {"unit": "x", "numerator": 1, "denominator": 1, "currency": "EUR"}
    error = error_of(lambda: Tariff(**(values | changes)))  # type: ignore[arg-type]
    assert error is not None and error.field == field


def test_tariffs_at_their_edges_are_taken_and_written_in_this_order() -> None:
    for tariff in (
        Tariff("!", 0, 1, "EUR", 0, METERED),
        Tariff("~" * 16, MAX_INT, MAX_INT, "ZZZ", 18, OPEN_ENDED),
    ):
        assert tariff_from_map(tariff.to_map()).encoded() == tariff.encoded()
    tariff = Tariff("W.h", 7, 2, "EUR", 5, OPEN_ENDED)
    assert tariff.to_map() == {1: "W.h", 2: 7, 3: 2, 4: "EUR", 5: 5, 6: 1}
    assert tariff.encoded() == cbor.encode(tariff.to_map())
    assert tariff.id() == hashlib.sha256(tariff.encoded()).digest()
    assert Tariff("W.h", 7, 2, "EUR").to_map() == {1: "W.h", 2: 7, 3: 2, 4: "EUR", 5: 6, 6: 0}
    read = tariff_from_map({1: "W.h", 2: 7, 3: 2, 4: "EUR", 5: 5, 6: 1})
    assert (read.unit, read.numerator, read.denominator) == ("W.h", 7, 2)
    assert (read.currency, read.scale, read.pricing) == ("EUR", 5, 1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({1: 5}, "t.unit"),
        ({2: "1"}, "t.numerator"),
        ({3: "1"}, "t.denominator"),
        ({4: 5}, "t.currency"),
        ({5: "6"}, "t.scale"),
        ({6: True}, "t.pricing"),
        ({7: 0}, "t.session_fee"),
        ({7: "1"}, "t.session_fee"),
        ({8: 0}, "t"),
    ],
)
def test_a_tariffs_map_is_read_field_by_field(change: dict[int, object], field: str) -> None:
    good = Tariff("W.h", 7, 2, "EUR").to_map()
    error = error_of(tariff_from_map, good | change, "t")
    assert error is not None and error.field == field
    for key in good:
        lacking = {each: value for each, value in good.items() if each != key}
        assert error_of(tariff_from_map, lacking, "t") is not None
    named = error_of(tariff_from_map, {})
    assert named is not None and named.field == "tariff"


@pytest.mark.parametrize(
    ("numerator", "denominator", "units", "amount"),
    [
        (300, 1, 0, 0),
        (300, 1, 7, 2_100),
        (1, 3, 2, 0),
        (1, 3, 3, 1),
        (7, 2, 3, 10),
        (0, 1, MAX_INT, 0),
        (1, 1, MAX_INT, MAX_INT),
        (MAX_INT, MAX_INT, MAX_INT, MAX_INT),
    ],
)
def test_what_units_cost(numerator: int, denominator: int, units: int, amount: int) -> None:
    assert price(numerator, denominator).amount(units) == amount


@pytest.mark.threat("D4")
def test_a_price_beyond_the_numbers_is_no_price() -> None:
    error = error_of(price(2, 1).amount, MAX_INT // 2 + 1)
    assert error is not None and (error.reason, error.field) == ("over_capacity", "amount")


@pytest.mark.parametrize(
    ("numerator", "denominator", "amount", "units"),
    [
        (300, 1, 299, 0),
        (300, 1, 300, 1),
        (300, 1, 599, 1),
        (1, 3, 0, 2),
        (1, 3, 1, 5),
        (7, 2, 10, 3),
        (0, 1, 0, MAX_INT),
        (1, MAX_INT, 1, MAX_INT),
        (1, 1, MAX_INT, MAX_INT),
    ],
)
def test_how_many_units_an_amount_pays_for(
    numerator: int, denominator: int, amount: int, units: int
) -> None:
    assert price(numerator, denominator).units_within(amount) == units


LEAVES = [b"%d" % number for number in range(9)]


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree(data: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if len(data) < 2:
        return leaf(data[0]) if data else hashlib.sha256().digest()
    k = 1
    while k * 2 < len(data):
        k *= 2
    return node(tree(data[:k]), tree(data[k:]))


def path(index: int, data: list[bytes]) -> list[bytes]:
    """RFC 6962, 2.1.1, word for word."""
    if len(data) == 1:
        return []
    k = 1
    while k * 2 < len(data):
        k *= 2
    if index < k:
        return [*path(index, data[:k]), tree(data[k:])]
    return [*path(index - k, data[k:]), tree(data[:k])]


@pytest.mark.parametrize("count", range(10))
def test_roots_and_proofs_are_those_of_the_standard(count: int) -> None:
    leaves = LEAVES[:count]
    root = merkle.root(leaves)
    assert root == tree(leaves)
    for index in range(count):
        audit = proof(leaves, index)
        assert audit == path(index, leaves)
        assert merkle.is_included(leaves[index], index, count, audit, root)
        assert not merkle.is_included(b"x", index, count, audit, root)
        assert not merkle.is_included(leaves[index], index, count, [*audit, bytes(32)], root)
        assert not merkle.is_included(leaves[index], index, count, audit[:-1], root) or not audit
        for other in range(-2, count + 2):
            if other != index:
                assert not merkle.is_included(leaves[index], other, count, audit, root)
    for index in (-1, count):
        error = error_of(proof, leaves, index)
        assert error is not None and error.field == "index"


def test_a_proof_for_another_count_of_leaves_does_not_hold() -> None:
    for count in range(1, 9):
        leaves = LEAVES[:count]
        for index in range(count):
            audit = proof(leaves, index)
            root = merkle.root(leaves)
            for other in range(index):
                assert not merkle.is_included(leaves[index], index, other, audit, root)
    assert merkle.is_included(b"0", 0, 0, [], merkle.root([])) is False
    assert merkle.is_included(b"0", 0, 1, [bytes(32)], merkle.root([b"0"])) is False
    # A path that goes on beyond the root, with a root made to fit it.
    longer = node(leaf(b"0"), bytes(32))
    assert not merkle.is_included(b"0", 0, 1, [bytes(32)], longer)
    longer = node(bytes(32), leaf(b"0"))
    assert not merkle.is_included(b"0", 0, 1, [bytes(32)], longer)


LINE = StatementLine(b"\x05" * 32, PAYEE, 3, 10, 1, 4, b"\x06" * 32)


def test_a_line_is_written_and_read_in_this_order() -> None:
    encoded = cbor.encode({1: b"\x05" * 32, 2: 1, 3: 3, 4: 10, 5: 1, 6: 4, 7: b"\x06" * 32})
    assert LINE.encoded() == encoded
    read = read_line(encoded)
    assert (read.channel, read.role, read.tariff) == (b"\x05" * 32, PAYEE, b"\x06" * 32)
    assert (read.from_amount, read.to_amount, read.from_units, read.to_units) == (3, 10, 1, 4)
    assert (PAYER, PAYEE) == (0, 1)
    for role, spans in ((PAYER, (3, 3, 4, 4)), (PAYEE, (0, 0, 0, 9))):
        same = StatementLine(bytes(32), role, *spans, bytes(32)).encoded()
        assert read_line(same).encoded() == same


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({1: b"\x05" * 31}, "line.channel_id"),
        ({2: 2}, "line.role"),
        ({2: b""}, "line.role"),
        ({3: b""}, "line.from_amount"),
        ({4: b""}, "line.to_amount"),
        ({5: b""}, "line.from_units"),
        ({6: b""}, "line.to_units"),
        ({7: b"\x06" * 33}, "line.tariff_id"),
        ({3: 11}, "line"),
        ({5: 5}, "line"),
        ({8: 0}, "line.first"),
        ({11: 0}, "line"),
    ],
)
def test_a_bad_line_is_refused_by_field(change: dict[int, object], field: str) -> None:
    good = cbor.decode(LINE.encoded())
    assert isinstance(good, dict)
    error = error_of(read_line, cbor.encode(good | change))
    assert error is not None and error.field == field
    for key in good:
        lacking = {each: value for each, value in good.items() if each != key}
        assert isinstance(error_of(read_line, cbor.encode(lacking)), WireError)


FIELDS: dict[int, object] = {
    1: 9, 2: "ant", 3: "EUR", 4: 6, 5: 100, 6: 200, 7: 30, 8: 7, 9: 3, 10: b"\x0a" * 32,
    11: b"\x0b" * 32,
}  # fmt: skip


def test_a_statement_is_written_and_read_in_this_order() -> None:
    encoded = cbor.encode(FIELDS)
    statement = read_statement(encoded)
    assert statement.payload() == encoded
    assert list(vars(statement).values()) == [*FIELDS.values(), None]
    assert list(vars(statement)) == [
        "run", "account", "currency", "scale", "period_start", "period_end", "debits", "credits",
        "line_count", "lines_root", "journal_head", "totals",
    ]  # fmt: skip
    assert read_statement(cbor.encode(FIELDS | {5: 200})).period_start == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({1: b""}, "statement.run"),
        ({2: 1}, "statement.account"),
        ({3: "eur"}, "statement.currency"),
        ({3: 5}, "statement.currency"),
        ({4: 19}, "statement.scale"),
        ({4: b""}, "statement.scale"),
        ({5: b""}, "statement.period_start"),
        ({6: b""}, "statement.period_end"),
        ({5: 201}, "statement.period_end"),
        ({7: b""}, "statement.debits"),
        ({8: b""}, "statement.credits"),
        ({9: b""}, "statement.line_count"),
        ({10: b"\x0a" * 31}, "statement.lines_root"),
        ({11: b"\x0b" * 33}, "statement.journal_head"),
        ({12: 0}, "statement"),
        ({13: 0}, "statement"),
    ],
)
def test_a_bad_statement_is_refused_by_field(change: dict[int, object], field: str) -> None:
    error = error_of(read_statement, cbor.encode(FIELDS | change))
    assert error is not None and error.field == field
    for key in FIELDS:
        lacking = {each: value for each, value in FIELDS.items() if each != key}
        assert isinstance(error_of(read_statement, cbor.encode(lacking)), WireError)


def line(role: int, start: int, end: int) -> bytes:
    return StatementLine(b"\x05" * 32, role, start, end, 0, 1, b"\x06" * 32).encoded()


@pytest.mark.threat("G1")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, None),
        ({7: 31}, "statement.debits"),
        ({7: 29}, "statement.debits"),
        ({8: 8}, "statement.credits"),
        ({8: 6}, "statement.credits"),
        ({9: 2}, "statement.line_count"),
        ({9: 4}, "statement.line_count"),
        ({10: bytes(32)}, "statement.lines_root"),
    ],
)
def test_a_statement_holds_to_its_lines(change: dict[int, object], field: str | None) -> None:
    lines = [line(PAYER, 0, 10), line(PAYER, 80, 100), line(PAYEE, 3, 10)]
    stated = FIELDS | {10: merkle.root(lines)} | change
    statement = Statement(*stated.values())  # type: ignore[arg-type]
    error = error_of(check_lines, statement, lines)
    assert (error.field if error else None) == field
    if field is None:
        swapped = [lines[1], lines[0], lines[2]]
        error = error_of(check_lines, statement, swapped)
        assert error is not None and error.field == "statement.lines_root"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, RAISES),
        ({"wanted": 200, "greatest": 200}, RAISES),
        ({"now": 99}, RAISES),
        # Answered with what it came to, whatever has become of the channel.
        ({"wanted": 100}, STALE),
        ({"wanted": 99, "state": CLOSED, "now": 100, "greatest": 1}, STALE),
    ],
)
def test_a_topup_raises_a_capacity_or_was_taken_before(
    changes: dict[str, Any], verdict: str
) -> None:
    assert payee.judge_topup(**(TOPUP | changes)) == verdict


@pytest.mark.parametrize(
    ("changes", "reason", "field", "expected"),
    [
        ({"state": CLOSED, "now": 100}, "closed", "topup.channel_id", 0),
        ({"state": FROZEN, "now": 100}, "frozen", "topup.channel_id", 0),
        ({"now": 100, "wanted": 201}, "expired", "topup.channel_id", 100),
        ({"wanted": 201}, "capacity_not_allowed", "topup.capacity", 200),
    ],
)
def test_a_topup_that_is_refused_says_why(
    changes: dict[str, Any], reason: str, field: str, expected: int
) -> None:
    with pytest.raises(ProtocolError) as refused:
        payee.judge_topup(**(TOPUP | changes))
    assert (refused.value.reason, refused.value.field) == (reason, field)
    assert refused.value.expected == expected
