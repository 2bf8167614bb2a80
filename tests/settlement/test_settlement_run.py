"""Runs: what is settled, once, by whom it is owed, and what happens when a run is cut off."""

import threading
from collections.abc import Callable, Iterable

import pytest
from sqlalchemy import Connection, text

from gateway.keys import verify
from gateway.ledger.entry import Entry
from gateway.settlement import instructions, intervals, statements
from gateway.settlement import run as runs
from gateway.settlement.run import RunResult, run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store import accounts, channels, journal
from gateway.store.engine import Store
from protocol import envelope
from protocol.statements import check_lines, read_statement
from tests.settlement.fleet import GATEWAY, PRICE, Fleet


def settle(store: Store, currency: str = "EUR") -> RunResult | None:
    return run_settlement(store, currency, GATEWAY.sign, "manual")


def assert_books(store: Store) -> None:
    report = verify_books(store, GATEWAY.public)
    assert report.discrepancies == []


def test_accounts_are_netted_over_all_their_channels(store: Store) -> None:
    fleet = Fleet(store)
    fleet.mark(fleet.open("ant", "bee"), 100)
    fleet.mark(fleet.open("bee", "cat"), 30)
    fleet.mark(fleet.open("bee", "ant"), 50)
    fleet.mark(fleet.open("cat", "cat"), 7)

    result = settle(store)

    assert result is not None
    assert (result.run, result.state, result.channels, result.accounts) == (1, "instructed", 4, 3)
    with store.read() as conn:
        moves = {
            row.account_id: (row.direction, row.amount) for row in instructions.of_run(conn, 1)
        }
        assert moves == {
            "ant": ("collect", 50 * PRICE),
            "bee": ("pay", 20 * PRICE),
            "cat": ("pay", 30 * PRICE),
        }
        assert sum(1 for _ in statements.settled_channels(conn, 1)) == 4
        assert accounts.owed(conn, "ant") == 50 * PRICE
    assert_books(store)


def test_nothing_to_settle_makes_no_run(store: Store) -> None:
    fleet = Fleet(store)
    fleet.open("ant", "bee")
    assert settle(store) is None
    assert settle(store, "USD") is None
    fleet.mark(fleet.open("ant", "cat"), 1)
    assert settle(store) is not None
    assert settle(store) is None


def test_a_run_that_nets_to_zero_is_completed_at_once(store: Store) -> None:
    fleet = Fleet(store)
    fleet.mark(fleet.open("ant", "bee"), 4)
    fleet.mark(fleet.open("bee", "ant"), 4)
    result = settle(store)
    assert result is not None
    assert (result.state, result.collect, result.pay) == ("completed", 0, 0)
    assert_books(store)


@pytest.mark.threat("G3")
def test_statement_is_signed_and_proves_its_lines(store: Store) -> None:
    fleet = Fleet(store)
    fleet.mark(fleet.open("ant", "bee"), 9)
    fleet.mark(fleet.open("bee", "ant"), 2)
    settle(store)
    with store.read() as conn:
        message = statements.message(conn, 1, "ant")
        lines = list(statements.lines(conn, 1, "ant"))
    said = read_statement(envelope.open_sign1("statement", message, GATEWAY.public, verify))
    check_lines(said, lines)
    assert (said.account, said.debits, said.credits) == ("ant", 9 * PRICE, 2 * PRICE)
    assert said.period_start == 5


@pytest.mark.threat("T3", "G2")
def test_each_unit_is_in_exactly_one_run(store: Store) -> None:
    """T3: a run between two raises neither drops nor doubles a unit."""
    fleet = Fleet(store)
    channel_id = fleet.open("ant", "bee")
    for units in (1, 4, 9):
        fleet.mark(channel_id, units)
        settle(store)
    with store.read() as conn:
        rows = conn.execute(
            text("SELECT from_units, to_units, run FROM interval ORDER BY from_amount")
        ).all()
    assert [tuple(row) for row in rows] == [(0, 1, 1), (1, 4, 2), (4, 9, 3)]
    assert_books(store)


@pytest.mark.threat("T3")
def test_a_raise_during_a_run_stands_in_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Fleet(store)
    channel_id = fleet.open("ant", "bee")
    fleet.mark(channel_id, 5)
    if store.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer, so nothing can be raised during a run")
    append_all = journal.append_all

    def raise_then_append(conn: Connection, entries: Iterable[Entry]) -> int:
        fleet.mark(channel_id, 8)
        return append_all(conn, entries)

    monkeypatch.setattr(journal, "append_all", raise_then_append)
    settle(store)
    monkeypatch.undo()
    assert_books(store)
    settle(store)
    with store.read() as conn:
        assert [row.to_units for row in conn.execute(text("SELECT to_units FROM interval"))] == [
            5,
            8,
        ]
    assert_books(store)


@pytest.mark.threat("O4")
def test_two_calls_at_once_make_one_run(store: Store) -> None:
    """O4."""
    fleet = Fleet(store)
    fleet.mark(fleet.open("ant", "bee"), 5)
    results: list[RunResult | None] = []
    barrier = threading.Barrier(2)

    def call() -> None:
        barrier.wait(timeout=20)
        results.append(settle(store))

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(results) == 2
    assert {result.run for result in results if result is not None} == {1}
    with store.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM run")).scalar_one() == 1
        assert len(instructions.of_run(conn, 1)) == 2
    assert_books(store)


class Cut(Exception):
    """A crash at a step."""


@pytest.mark.parametrize("step", ["claim", "cut", "_advance"])
@pytest.mark.threat("C2")
def test_a_run_cut_off_while_posting_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    fleet = Fleet(store)
    fleet.mark(fleet.open("ant", "bee"), 5)
    original: Callable[..., object] = getattr(intervals, step)

    def crash(*arguments: object) -> object:
        original(*arguments)
        raise Cut

    monkeypatch.setattr(intervals, step, crash)
    with pytest.raises(Cut):
        settle(store)
    monkeypatch.undo()
    with store.read() as conn:
        assert journal.head(conn)[0] == 0
    result = settle(store)
    assert result is not None and result.run == 1
    assert_books(store)


@pytest.mark.threat("C2")
def test_a_run_cut_off_before_its_instructions_is_continued(store: Store) -> None:
    fleet = Fleet(store)
    channel_id = fleet.open("ant", "bee")
    fleet.mark(channel_id, 5)

    def crash(_data: bytes) -> bytes:
        raise Cut

    with pytest.raises(Cut):
        run_settlement(store, "EUR", crash, "manual")
    with store.read() as conn:
        assert runs.get(conn, 1).state == "posted"
    fleet.mark(channel_id, 6)
    result = settle(store)
    assert result is not None
    assert (result.run, result.collect) == (1, 5 * PRICE)
    result = settle(store)
    assert result is not None
    assert (result.run, result.collect) == (2, 1 * PRICE)
    assert_books(store)


def test_close_posts_the_rest_once_and_the_next_run_states_it(store: Store) -> None:
    """D16: the last accepted is final, closed is terminal."""
    fleet = Fleet(store)
    channel_id = fleet.open("ant", "bee")
    fleet.mark(channel_id, 5)
    settle(store)
    fleet.mark(channel_id, 7)
    with store.write() as conn:
        closed = intervals.close(conn, channel_id, "asked by the device", 20)
    assert (closed.amount, closed.units, closed.fresh) == (7 * PRICE, 7, True)
    with store.write() as conn:
        again = intervals.close(conn, channel_id, "asked again", 30)
    assert (again.amount, again.closed_at, again.fresh) == (7 * PRICE, 20, False)
    assert fleet.mark(channel_id, 8) == 0
    assert_books(store)
    result = settle(store)
    assert result is not None
    assert (result.run, result.collect) == (2, 2 * PRICE)
    assert_books(store)


def test_a_closed_channel_between_the_ends_of_one_account_is_stated(store: Store) -> None:
    fleet = Fleet(store)
    channel_id = fleet.open("ant", "ant")
    fleet.mark(channel_id, 5)
    with store.write() as conn:
        intervals.close(conn, channel_id, "done", 20)
    result = settle(store)
    assert result is not None
    assert (result.state, result.channels) == ("completed", 1)
    assert_books(store)


@pytest.mark.threat("D3")
def test_a_frozen_channel_is_not_settled_until_it_is_reopened(store: Store) -> None:
    fleet = Fleet(store)
    channel_id = fleet.open("ant", "bee")
    fleet.mark(channel_id, 5)
    with store.write() as conn:
        assert channels.set_state(conn, channel_id, "frozen") == 1
    assert fleet.mark(channel_id, 6) == 0
    assert settle(store) is None
    fleet.mark(fleet.open("ant", "bee", 1), 2)
    result = settle(store)
    assert result is not None and (result.channels, result.collect) == (1, 2 * PRICE)
    with store.write() as conn:
        channels.set_state(conn, channel_id, "open")
    result = settle(store)
    assert result is not None and result.collect == 5 * PRICE
    assert_books(store)


def test_channels_of_another_currency_wait_for_their_own_run(store: Store) -> None:
    fleet = Fleet(store)
    abroad = Fleet(store, "USD", ("dog", "eel"))
    fleet.mark(fleet.open("ant", "bee"), 5)
    assert settle(store, "USD") is None
    abroad.mark(abroad.open("dog", "eel"), 7)
    for currency, units in ("EUR", 5), ("USD", 7):
        result = settle(store, currency)
        assert result is not None
        assert (result.channels, result.accounts, result.collect) == (1, 2, units * PRICE)
    assert_books(store)


def test_a_fee_is_netted_with_the_rest_of_whoever_pays_and_earns_it(store: Store) -> None:
    fleet = Fleet(store)
    fleet.charge("bee", "cat", 1, 1000)
    fleet.mark(fleet.open("ant", "bee", 1), 10)
    fleet.mark(fleet.open("cat", "ant", 2), 1)
    assert settle(store) is not None
    with store.read() as conn:
        rows = conn.execute(text("SELECT * FROM position ORDER BY account")).all()
        assert journal.balance(conn, "fees:cat", "EUR") == 0
        assert accounts.owed(conn, "cat") == -1
    assert [(row.account, row.debits, row.credits, row.fees, row.net) for row in rows] == [
        ("ant", 30, 3, 0, 27),
        ("bee", 0, 30, 4, -26),
        ("cat", 3, 0, -4, -1),
    ]
    assert_books(store)
