"""Deposits: recorded once, reserved by channels, and used before anything is collected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.entry import Entry, Posting
from gateway.ledger.pending import Balance
from gateway.operations import deposits
from gateway.operations.errors import BadInput
from gateway.settlement import instructions
from gateway.settlement.netting import from_funds
from gateway.settlement.run import run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store import accounts, journal, pending
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound
from tests.settlement.fleet import CAPACITY, GATEWAY, PRICE, Fleet

BY = "token:ann"


def _moves(store: Store, run: int = 1) -> dict[str, tuple[str, int]]:
    with store.read() as conn:
        return {
            row.account_id: (row.direction, row.amount) for row in instructions.of_run(conn, run)
        }


def _settle(store: Store) -> int:
    result = run_settlement(store, "EUR", GATEWAY.sign, "manual")
    assert verify_books(store, GATEWAY.public).discrepancies == []
    assert result is not None
    return result.run


@pytest.mark.threat("O4")
def test_a_deposit_is_recorded_once_for_each_reference_of_its_rail(store: Store) -> None:
    Fleet(store)
    for _ in range(2):
        first = deposits.deposit(store, "ant", 70, "manual", "E2E-1", BY, "May")
    for account, amount in (("ant", 71), ("bee", 70)):
        with pytest.raises(Conflict, match="70 atomic units of account ant"):
            deposits.deposit(store, account, amount, "manual", "E2E-1", BY)
    deposits.deposit(store, "ant", 5, "other", "E2E-1", "token:bob")
    with store.read() as conn:
        assert accounts.funds(conn, "ant") == Balance(-75, 0, 0)
        assert journal.balance(conn, "rail:manual", "EUR") == 70
        assert first.recorded_by == BY
    assert [row.rail for row in deposits.page(store, "ant").items] == ["other", "manual"]
    assert deposits.page(store, "bee").items == []
    assert verify_books(store, GATEWAY.public).discrepancies == []


@pytest.mark.parametrize("amount", [0, -1, 2**63])
def test_a_deposit_is_an_amount_with_a_reference(store: Store, amount: int) -> None:
    Fleet(store)
    with pytest.raises(BadInput, match="amount"):
        deposits.deposit(store, "ant", amount, "manual", "r", BY)
    for reference in ("", "a\n", "x" * 141):
        with pytest.raises(BadInput, match="reference"):
            deposits.deposit(store, "ant", 1, "manual", reference, BY)
    with pytest.raises(NotFound):
        deposits.deposit(store, "nobody", 1, "manual", "r", BY)
    with store.read() as conn:
        assert journal.head(conn)[0] == 0


def test_deposits_and_credit_decide_what_channels_may_reserve(store: Store) -> None:
    fleet = Fleet(store)
    with store.write() as conn:
        accounts.set_credit_limit(conn, "ant", 10)
    deposits.deposit(store, "ant", CAPACITY, "manual", "r", BY)
    with store.write() as conn:
        assert accounts.free(conn, "ant") == 10 + CAPACITY
    fleet.open("ant", "bee")
    with store.write() as conn:
        assert accounts.free(conn, "ant") == 10
        lines = (Posting("funds:ant", "EUR", 4), Posting("rail:manual", "EUR", -4))
        pending.reserve(conn, Entry("withdrawal", "w", 1, lines))
        assert accounts.free(conn, "ant") == 6


def test_a_run_uses_deposits_before_it_collects(store: Store) -> None:
    fleet = Fleet(store)
    deposits.deposit(store, "ant", 40 * PRICE, "manual", "a", BY)
    deposits.deposit(store, "cat", 500 * PRICE, "manual", "c", BY)
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 100)
    fleet.mark(fleet.open("cat", "bee"), 30)
    assert _settle(store) == 1
    assert _moves(store) == {"ant": ("collect", 60 * PRICE), "bee": ("pay", 130 * PRICE)}
    with store.write() as conn:
        assert accounts.funds(conn, "ant").posted == 0
        assert accounts.funds(conn, "cat").posted == -470 * PRICE
        assert accounts.owed(conn, "ant") == 60 * PRICE
        assert accounts.owed(conn, "cat") == 0
        # What was used is free again as credit, and gone as deposit: nothing is counted twice.
        exposed = 60 * PRICE + CAPACITY - 100 * PRICE
        assert accounts.free(conn, "ant") == CAPACITY * 100 - exposed
    fleet.mark(channel, 101)
    assert _settle(store) == 2
    assert _moves(store, 2)["ant"] == ("collect", PRICE)


def test_a_run_that_deposits_pay_in_full_collects_nothing(store: Store) -> None:
    fleet = Fleet(store)
    deposits.deposit(store, "ant", 10 * PRICE, "manual", "a", BY)
    fleet.mark(fleet.open("ant", "ant", 1), 5)
    fleet.mark(fleet.open("ant", "bee"), 10)
    _settle(store)
    assert _moves(store) == {"bee": ("pay", 10 * PRICE)}


def test_what_a_pending_withdrawal_holds_is_not_used(store: Store) -> None:
    fleet = Fleet(store)
    deposits.deposit(store, "ant", 10 * PRICE, "manual", "a", BY)
    lines = (Posting("funds:ant", "EUR", 9 * PRICE), Posting("rail:manual", "EUR", -9 * PRICE))
    with store.write() as conn:
        pending.reserve(conn, Entry("withdrawal", "w", 1, lines))
    fleet.mark(fleet.open("ant", "bee"), 10)
    run_settlement(store, "EUR", GATEWAY.sign, "manual")
    assert _moves(store)["ant"] == ("collect", 9 * PRICE)


@given(st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_deposits_pay_what_is_owed_and_no_more(net: int, free: int) -> None:
    taken = from_funds(net, free)
    assert 0 <= taken <= max(0, net)
    assert taken <= max(0, free)
    # Nothing is collected while deposits are left.
    assert net - taken <= 0 or free - taken <= 0
