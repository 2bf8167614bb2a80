"""What a statement says: of intervals their IOUs and fees, of the account what became of it."""

import pytest
from sqlalchemy import text, update

from gateway.keys import verify
from gateway.settlement import intervals, statements
from gateway.settlement.run import run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store.engine import Store
from gateway.store.tables import Base
from protocol import envelope
from protocol.messages import Tick
from protocol.statements import (
    PAYEE,
    PAYER,
    Statement,
    StatementLine,
    check_lines,
    mark_hash,
    net,
    read_line,
    read_statement,
)
from tests.settlement.fleet import GATEWAY, PRICE, Chain, Fleet


def told(store: Store, run: int, account: str) -> tuple[Statement, list[StatementLine]]:
    """An account's statement, checked as whoever gets it would, and its lines."""
    with store.read() as conn:
        message = statements.message(conn, run, account)
        lines = list(statements.lines(conn, run, account))
    said = read_statement(envelope.open_sign1("statement", message, GATEWAY.public, verify))
    check_lines(said, lines)
    net(said)
    return said, [read_line(line) for line in lines]


def settle(store: Store) -> None:
    assert run_settlement(store, "EUR", GATEWAY.sign, "manual") is not None


def test_each_line_names_the_ious_at_both_ends_of_its_interval(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    ious = {units: mark_hash(fleet.iou(channel, units)) for units in (5, 8, 9)}
    fleet.mark(channel, 5)
    settle(store)
    fleet.mark(channel, 8)
    settle(store)
    fleet.mark(channel, 9)
    with store.write() as conn:
        intervals.close(conn, channel, "test", 9)
    settle(store)
    for run, first, last in ((1, b"", ious[5]), (2, ious[5], ious[8]), (3, ious[8], ious[9])):
        for account, role in (("ant", PAYER), ("bee", PAYEE)):
            _said, (line,) = told(store, run, account)
            assert (line.role, line.first, line.last) == (role, first, last)
    assert verify_books(store, GATEWAY.public).discrepancies == []


def test_a_line_names_the_tick_that_raised_its_mark(store: Store) -> None:
    fleet = Fleet(store)
    channel, chain = fleet.open("ant", "bee"), Chain(b"secret", 9)
    fleet.mark_by_tick(channel, 3, chain, 4)
    settle(store)
    fleet.mark(channel, 20)
    settle(store)
    tick = Tick(channel[:8], 4, chain.value(4)).payload()
    proof = mark_hash(fleet.iou(channel, 3, chain), tick)
    assert told(store, 1, "ant")[1][0].last == proof
    assert told(store, 2, "ant")[1][0].first == proof


def test_a_statement_tells_fees_and_what_became_of_the_net(store: Store) -> None:
    fleet = Fleet(store)
    fleet.charge("bee", "cat", 1, 1000)
    fleet.mark(fleet.open("ant", "bee", 1), 10)
    fleet.mark(fleet.open("ant", "bee", 2), 20)
    settle(store)
    of = {}
    for account in ("ant", "bee", "cat"):
        said, lines = told(store, 1, account)
        assert said.totals is not None
        totals = said.totals
        of[account] = totals.fees, totals.fees_earned, totals.moved, totals.left, net(said)
        assert all(line.fee == 0 for line in lines if line.role == PAYER)
    fees = (1 + PRICE) + (1 + 2 * PRICE)
    assert of["ant"] == (0, 0, 30 * PRICE, 0, 30 * PRICE)
    assert of["bee"] == (fees, 0, fees - 30 * PRICE, 0, fees - 30 * PRICE)
    assert of["cat"] == (0, fees, -fees, 0, -fees)
    assert sorted(line.fee for line in told(store, 1, "bee")[1]) == [1 + PRICE, 1 + 2 * PRICE]
    assert verify_books(store, GATEWAY.public).discrepancies == []


def test_what_was_posted_before_ious_were_kept_is_stated_as_it_was(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 5)
    # Posted by an earlier version, stated by this one.
    with store.write() as conn:
        intervals.close(conn, channel, "test", 9)
        conn.execute(text("UPDATE interval SET iou = NULL"))
    settle(store)
    _said, (line,) = told(store, 1, "ant")
    assert (line.first, line.last) == (b"", b"")
    assert verify_books(store, GATEWAY.public).discrepancies == []


@pytest.mark.threat("O9")
@pytest.mark.parametrize(
    "change", ["funds = 1, instructed = net - 1", "instructed = 0", "fees = 1, net = net + 1"]
)
def test_the_audit_finds_a_position_that_is_not_what_was_stated(store: Store, change: str) -> None:
    fleet = Fleet(store)
    fleet.mark(fleet.open("ant", "bee"), 5)
    settle(store)
    with store.write() as conn:
        conn.execute(text(f"UPDATE position SET {change} WHERE account = 'ant'"))
    found = verify_books(store, GATEWAY.public).discrepancies
    assert "it is not what its position says" in {each.what for each in found}


@pytest.mark.threat("O9")
def test_the_audit_finds_an_iou_that_is_not_the_one_stated(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 5)
    settle(store)
    fleet.mark(channel, 8)
    settle(store)
    table = Base.metadata.tables["interval"]
    with store.write() as conn:
        conn.execute(
            update(table).where(table.c.run == 1).values(iou=fleet.iou(channel, 6)[:-1] + b"\x00")
        )
    found = {each.where for each in verify_books(store, GATEWAY.public).discrepancies}
    assert {"statement 1 ant", "statement 1 bee", "statement 2 ant"} <= found
