"""The trial balance as of a time, and corrections by two persons."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from gateway.ledger.entry import Entry, Posting
from gateway.ledger.states import IllegalMove
from gateway.operations import books, deposits
from gateway.operations.errors import BadInput
from gateway.operations.principal import SamePerson
from gateway.settlement import intervals
from gateway.settlement.run import run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store import accounts, journal, pending
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound
from tests.settlement.fleet import CAPACITY, GATEWAY, PRICE, Fleet

ANN, BOB = "token:ann", "token:bob"


def _at(store: Store, at: int | None = None) -> dict[str, tuple[int, int, int]]:
    found = books.balance(store, at, limit=1000)
    for total in found.totals:
        assert total.debits == total.credits
        assert total.pending_debits == total.pending_credits
    return {
        row.account: (int(row.posted), int(row.debits - row.credits), int(row.reserved))
        for row in found.accounts.items
    }


def assert_books(store: Store) -> None:
    assert verify_books(store, GATEWAY.public).discrepancies == []


def test_the_trial_balance_is_that_of_its_time(store: Store) -> None:
    fleet = Fleet(store)
    first, second = fleet.open("ant", "bee", 1), fleet.open("ant", "bee", 2)
    fleet.mark(first, 10)
    fleet.mark(second, 5)
    hold = (Posting("funds:ant", "EUR", 4), Posting("rail:manual", "EUR", -4))
    with store.write() as conn:
        intervals.close(conn, first, "done", 20)
        deposits.deposit_in(conn, "ant", 7, "manual", "r", ANN, 30)
        held = pending.reserve(conn, Entry("withdrawal", "w", 40, hold))
    with store.write() as conn:
        pending.post(conn, held, 50)
        intervals.close(conn, second, "done", 60)
    owed = {"payer:ant": (10 * PRICE, 0, CAPACITY), "payee:bee": (-10 * PRICE, 0, 0)}
    assert _at(store, 4) == {}
    assert _at(store, 19) == {"payer:ant": (0, 0, 2 * CAPACITY)}
    assert _at(store, 20) == owed
    funds = {"funds:ant": (-7, 0, 0), "rail:manual": (7, 0, 0)}
    assert _at(store, 39) == owed | funds
    funds = {"funds:ant": (-7, 4, 0), "rail:manual": (7, -4, 0)}
    assert _at(store, 49) == owed | funds
    funds = {"funds:ant": (-3, 0, 0), "rail:manual": (3, 0, 0)}
    assert _at(store, 59) == owed | funds
    closed = {"payer:ant": (15 * PRICE, 0, 0), "payee:bee": (-15 * PRICE, 0, 0)}
    assert _at(store) == _at(store, 2**62) == closed | funds
    with store.read() as conn:
        assert journal.balance(conn, "payer:ant", "EUR") == closed["payer:ant"][0]
    with pytest.raises(BadInput, match="at"):
        books.balance(store, -1)


def test_the_trial_balance_comes_in_pages_with_sums_over_all(store: Store) -> None:
    lines = [Posting(name, money, 5) for name in "ab" for money in ("CHF", "EUR")]
    lines += [Posting("c", money, -10) for money in ("CHF", "EUR")]
    Fleet(store)
    with store.write() as conn:
        journal.append(conn, Entry("x", "r", 1, tuple(lines)))
    seen, after = [], ("", "")
    while True:
        page = books.balance(store, 1, after=after, limit=1)
        (row,) = page.accounts.items
        seen.append((row.account, row.currency))
        assert [int(total.debits) for total in page.totals] == [10, 10]
        if not page.accounts.more:
            break
        after = seen[-1]
    assert seen == [(name, money) for name in "abc" for money in ("CHF", "EUR")]


def test_an_entry_is_reversed_once_by_two_persons(store: Store) -> None:
    Fleet(store)
    seq = deposits.deposit(store, "ant", 7, "manual", "r", ANN).entry_seq
    proposed = books.propose_reversal(store, seq, "another's", ANN)
    with pytest.raises(Conflict, match="is proposed"):
        books.propose_reversal(store, seq, "again", BOB)
    with pytest.raises(SamePerson):
        books.approve_reversal(store, proposed.number, ANN)
    with store.read() as conn:
        assert journal.head(conn)[0] == 1
    done = books.approve_reversal(store, proposed.number, BOB)
    assert (done.state, done.decided_by, done.reversing_seq) == ("posted", BOB, 2)
    # Clicking again, either of them, changes nothing; proposing again is refused.
    assert books.approve_reversal(store, proposed.number, BOB) == done
    assert books.approve_reversal(store, proposed.number, ANN) == done
    with pytest.raises(Conflict, match="is posted"):
        books.propose_reversal(store, seq, "again", BOB)
    with pytest.raises(IllegalMove):
        books.reject_reversal(store, proposed.number, BOB)
    with store.read() as conn:
        assert accounts.funds(conn, "ant").posted == 0
    found, _hash = books.entry(store, 2)
    assert (found.kind, found.memo) == ("reversal", "another's")
    assert_books(store)


def test_a_rejected_reversal_may_be_proposed_again(store: Store) -> None:
    Fleet(store)
    seq = deposits.deposit(store, "ant", 7, "manual", "r", ANN).entry_seq
    first = books.propose_reversal(store, seq, "why", ANN)
    assert books.reject_reversal(store, first.number, ANN).state == "rejected"
    assert books.reject_reversal(store, first.number, BOB).decided_by == ANN
    with pytest.raises(IllegalMove):
        books.approve_reversal(store, first.number, BOB)
    second = books.propose_reversal(store, seq, "why", BOB)
    assert [row.number for row in books.reversals_page(store).items] == [
        second.number,
        first.number,
    ]
    with pytest.raises(NotFound):
        books.approve_reversal(store, 9, BOB)
    assert_books(store)


def test_only_what_people_decide_on_is_reversed(store: Store) -> None:
    fleet = Fleet(store)
    fleet.mark(fleet.open("ant", "bee"), 10)
    run_settlement(store, "EUR", GATEWAY.sign, "manual")
    assert books.entry(store, 2)[0].kind == "net"
    with pytest.raises(Conflict, match="deposit, interval"):
        books.propose_reversal(store, 2, "why", ANN)
    for seq in (0, 99):
        with pytest.raises(NotFound):
            books.propose_reversal(store, seq, "why", ANN)
    for reason in ("", "a\nb", "x" * 501):
        with pytest.raises(BadInput, match="reason"):
            books.propose_reversal(store, 1, reason, ANN)


def test_a_reversed_interval_is_given_back_by_the_next_run(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 10)
    with store.write() as conn:
        intervals.close(conn, channel, "done", 9)
    proposed = books.propose_reversal(store, 1, "the meter was wrong", ANN)
    books.approve_reversal(store, proposed.number, BOB)
    assert_books(store)
    with store.read() as conn:
        assert accounts.owed(conn, "ant") == accounts.owed(conn, "bee") == 0
    run_settlement(store, "EUR", GATEWAY.sign, "manual")
    assert_books(store)
    with store.read() as conn:
        rows = conn.execute(text("SELECT * FROM position ORDER BY account")).all()
    assert [(row.debits, row.credits, row.carried, row.net) for row in rows] == [
        (30, 0, -30, 0),
        (0, 30, 30, 0),
    ]


def test_a_deposit_that_is_reversed_after_it_was_used_is_owed(store: Store) -> None:
    fleet = Fleet(store)
    seq = deposits.deposit(store, "ant", 10 * PRICE, "manual", "r", ANN).entry_seq
    fleet.mark(fleet.open("ant", "bee"), 8)
    run_settlement(store, "EUR", GATEWAY.sign, "manual")
    proposed = books.propose_reversal(store, seq, "it bounced", ANN)
    books.approve_reversal(store, proposed.number, BOB)
    with store.read() as conn:
        assert accounts.funds(conn, "ant").posted == 0
        assert accounts.owed(conn, "ant") == 8 * PRICE
    assert_books(store)
    result = run_settlement(store, "EUR", GATEWAY.sign, "manual")
    assert result is not None and result.collect == 8 * PRICE
    assert_books(store)


@pytest.mark.parametrize(
    "change",
    [
        "decided_by = proposed_by",
        "reversing_seq = NULL",
        "state = 'proposed'",
        "state = 'gone'",
    ],
)
def test_the_database_refuses_an_impossible_correction(store: Store, change: str) -> None:
    Fleet(store)
    seq = deposits.deposit(store, "ant", 7, "manual", "r", ANN).entry_seq
    number = books.propose_reversal(store, seq, "why", ANN).number
    books.approve_reversal(store, number, BOB)
    with pytest.raises(IntegrityError), store.write() as conn:
        conn.execute(text(f"UPDATE reversal SET {change}"))
