"""Deposits asked back: held, approved by another person, paid where two persons had decided."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from gateway.ledger.pending import Balance
from gateway.ledger.states import IllegalMove
from gateway.operations import books, deposits, payout_accounts, settlement, withdrawals
from gateway.operations.errors import BadInput
from gateway.operations.principal import SamePerson
from gateway.settlement.rails import DestinationError, Outcome
from gateway.settlement.rails.manual import ManualRail
from gateway.settlement.rails.registry import Rails
from gateway.settlement.verify_books import verify_books
from gateway.store import accounts, fence, journal
from gateway.store import payout_accounts as stored
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound, RestoreFenced
from tests.settlement.fleet import CAPACITY, GATEWAY, PRICE, Fleet
from tests.settlement.test_rail_sepa import PAYEE, sepa

ANN, BOB, EVE = "token:ann", "token:bob", "token:eve"


class Office:
    """Accounts, a manual rail, and a clock to be set."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.now = 1000
        self.store = Store(store.engine, clock=lambda: self.now)
        self.fleet = Fleet(self.store)
        self.folder = folder
        self.rails = Rails.of(ManualRail(folder))

    def deposit(self, account: str = "ant", amount: int = 100, reference: str = "r") -> None:
        deposits.deposit(self.store, account, amount, "manual", reference, ANN)

    def propose(self, to: str = "the till", by: str = ANN) -> str:
        row = payout_accounts.propose(self.store, self.rails, "ant", "manual", {"to": to}, by)
        return str(row.id)

    def payable(self, to: str = "the till", cooling: int = 0) -> str:
        id_ = self.propose(to)
        payout_accounts.approve(self.store, "ant", id_, BOB, cooling)
        return id_

    def request(self, amount: int = 40) -> int:
        row = withdrawals.request(self.store, self.rails, "ant", amount, "manual", ANN)
        return int(row.number)

    def approve(self, number: int = 1, by: str = BOB) -> Any:
        withdrawals.approve(self.store, "ant", number, by)
        settlement.hand_over(self.store, self.rails)
        return withdrawals.show(self.store, "ant", number)

    def record(self, outcome: str, number: int = 1) -> int:
        return settlement.record(self.store, [Outcome(f"withdrawal-{number}", outcome, "told")])

    def funds(self) -> Balance:
        with self.store.read() as conn:
            return accounts.funds(conn, "ant")

    def files(self) -> Sequence[str]:
        return sorted(path.name for path in self.folder.glob("*.csv"))

    def check(self) -> None:
        assert verify_books(self.store, GATEWAY.public).discrepancies == []


@pytest.fixture
def office(store: Store, tmp_path: Path) -> Office:
    return Office(store, tmp_path / "rail")


def test_a_withdrawal_is_held_then_approved_by_another_and_paid_once(office: Office) -> None:
    office.deposit()
    office.payable()
    number = office.request()
    assert office.funds() == Balance(-100, 40, 0)
    office.check()
    with pytest.raises(SamePerson):
        office.approve(by=ANN)
    assert office.files() == []
    done = office.approve()
    assert (done.state, done.payout) == ("approved", "submitted")
    # The second click, by anybody, changes nothing.
    assert office.approve(by=ANN) == office.approve(by=EVE) == done
    assert office.files() == ["withdrawal-1.csv"]
    (order,) = office.rails["manual"].handed_over()
    assert (order.id, order.run, order.direction, order.amount) == ("withdrawal-1", 0, "pay", 40)
    office.check()
    assert [office.record("done"), office.record("done")] == [1, 0]
    assert withdrawals.show(office.store, "ant", number).payout == "done"
    assert office.funds() == Balance(-60, 0, 0)
    with office.store.read() as conn:
        assert journal.balance(conn, "rail:manual", "EUR") == 60
    with pytest.raises(Conflict):
        office.record("failed")
    office.check()


def test_what_a_rail_could_not_pay_or_brought_back_is_deposited_again(office: Office) -> None:
    office.deposit()
    office.payable()
    for number, outcome in ((1, "failed"), (2, "done"), (3, "returned")):
        office.request(30)
        office.approve(number)
        office.record(outcome, number)
        office.check()
    assert office.funds() == Balance(-70, 0, 0)
    assert office.record("returned", 2) == 1
    assert office.funds() == Balance(-100, 0, 0)
    office.check()
    rows = withdrawals.page(office.store, "ant").items
    assert [(row.number, row.payout) for row in rows] == [
        (3, "returned"),
        (2, "returned"),
        (1, "failed"),
    ]


def test_a_rejected_withdrawal_frees_what_it_held(office: Office) -> None:
    office.deposit()
    office.payable()
    number = office.request()
    assert withdrawals.reject(office.store, "ant", number, ANN).state == "rejected"
    assert withdrawals.reject(office.store, "ant", number, BOB).decided_by == ANN
    assert office.funds() == Balance(-100, 0, 0)
    with pytest.raises(IllegalMove):
        office.approve()
    office.check()
    assert office.request() == 2
    office.approve(2)
    with pytest.raises(IllegalMove):
        withdrawals.reject(office.store, "ant", 2, BOB)


def test_only_what_is_free_can_be_withdrawn(office: Office) -> None:
    office.payable()
    with pytest.raises(Conflict, match="has 0"):
        office.request(1)
    office.deposit(amount=CAPACITY + 50)
    with office.store.write() as conn:
        accounts.set_credit_limit(conn, "ant", 0)
    office.fleet.open("ant", "bee")
    with pytest.raises(Conflict, match="has 50"):
        office.request(51)
    office.request(50)
    with office.store.write() as conn:
        assert accounts.free(conn, "ant") == 0
        # Credit is for owing, not for taking out.
        accounts.set_credit_limit(conn, "ant", 10**18)
    with pytest.raises(Conflict, match=f"has {CAPACITY} "):
        office.request(CAPACITY + 1)
    for amount in (0, -1, 2**63):
        with pytest.raises(BadInput, match="amount"):
            office.request(amount)


@pytest.mark.threat("O6")
def test_an_account_is_paid_elsewhere_only_after_two_persons_and_a_cooling_period(
    office: Office,
) -> None:
    office.deposit()
    with pytest.raises(Conflict, match="no payout account"):
        office.request()
    first = office.payable("the till")
    under_way = office.request(10)
    office.approve(under_way)
    other = office.propose("elsewhere", by=EVE)
    with pytest.raises(SamePerson):
        payout_accounts.approve(office.store, "ant", other, EVE, 3600)
    approved = payout_accounts.approve(office.store, "ant", other, BOB, 3600)
    assert approved.active_from == office.now + 3600
    assert payout_accounts.approve(office.store, "ant", other, EVE, 0) == approved
    assert _in_force(office) == first
    waiting = office.request(10)
    office.now += 3600
    assert _in_force(office) == other
    # What is under way goes where it was to go; what was asked for and not approved does not.
    with office.store.read() as conn:
        query = text("SELECT destination FROM instruction WHERE id = 'withdrawal-1'")
        assert conn.execute(query).scalar_one() == '{"to": "the till"}'
    with pytest.raises(Conflict, match="no longer where"):
        office.approve(waiting)
    withdrawals.reject(office.store, "ant", waiting, BOB)
    office.approve(office.request(10))
    with office.store.read() as conn:
        query = text("SELECT destination FROM instruction WHERE id = 'withdrawal-3'")
        assert conn.execute(query).scalar_one() == '{"to": "elsewhere"}'
    office.check()


def _in_force(office: Office) -> str | None:
    with office.store.read() as conn:
        row = stored.in_force(conn, "ant", "manual", office.now)
    return None if row is None else str(row.id)


@pytest.mark.threat("O6")
def test_a_retired_payout_account_is_not_followed_by_the_one_before_it(office: Office) -> None:
    first, second = office.payable("one"), office.payable("two")
    assert _in_force(office) == second
    assert payout_accounts.retire(office.store, "ant", second, EVE).state == "retired"
    assert payout_accounts.retire(office.store, "ant", second, BOB).ended_by == EVE
    assert _in_force(office) is None
    # One that is retired while it cools never was in force.
    third = office.payable("three")
    cooling = office.payable("four", cooling=100)
    payout_accounts.retire(office.store, "ant", cooling, EVE)
    office.now += 200
    assert _in_force(office) == third
    with pytest.raises(IllegalMove):
        payout_accounts.approve(office.store, "ant", second, BOB, 0)
    with pytest.raises(IllegalMove):
        payout_accounts.reject(office.store, "ant", first, BOB)
    assert [row.id for row in payout_accounts.listed(office.store, "ant")] == [
        cooling,
        third,
        second,
        first,
    ]


@pytest.mark.threat("O6", "T1")
def test_a_payout_account_that_is_retired_is_paid_no_more_whatever_the_clock_says(
    office: Office,
) -> None:
    id_ = office.payable("the till")
    office.now += 10 * 365 * 86_400
    payout_accounts.retire(office.store, "ant", id_, EVE)
    office.now -= 10 * 365 * 86_400
    assert _in_force(office) is None
    with office.store.read() as conn:
        assert stored.all_in_force(conn, office.now) == {}


def test_one_proposal_at_a_time_in_words_that_the_rail_takes(office: Office) -> None:
    id_ = office.propose("one")
    assert office.propose("one") == id_
    for other in (("one", BOB), ("two", ANN)):
        with pytest.raises(Conflict, match="is proposed"):
            office.propose(*other)
    assert payout_accounts.reject(office.store, "ant", id_, ANN).state == "rejected"
    office.propose("two")
    with pytest.raises(DestinationError, match="to"):
        office.propose("a\nb")
    with pytest.raises(BadInput, match="rail"):
        payout_accounts.propose(office.store, office.rails, "ant", "nothing", {}, ANN)
    with pytest.raises(NotFound):
        payout_accounts.propose(office.store, office.rails, "nobody", "manual", {}, ANN)
    with pytest.raises(NotFound):
        payout_accounts.approve(office.store, "bee", id_, BOB, 0)


def test_a_rail_that_fails_leaves_an_approved_withdrawal_to_be_handed_over(
    office: Office,
) -> None:
    office.deposit()
    office.payable()
    number = office.request()
    office.folder.parent.mkdir(exist_ok=True)
    office.folder.write_text("in the way")
    with pytest.raises(OSError, match="rail"):
        office.approve(number)
    assert withdrawals.show(office.store, "ant", number).payout == "pending"
    office.folder.unlink()
    settlement.hand_over(office.store, office.rails)
    assert withdrawals.show(office.store, "ant", number).payout == "submitted"
    office.check()


@pytest.mark.threat("C6")
def test_behind_the_fence_nothing_is_asked_back_or_approved(office: Office) -> None:
    office.deposit()
    office.payable()
    number = office.request()
    with office.store.write() as conn:
        fence.put_up(conn, 2, "", 1, 1)
    for step in (office.request, lambda: office.approve(number)):
        with pytest.raises(RestoreFenced):
            step()
    assert withdrawals.reject(office.store, "ant", number, BOB).state == "rejected"
    with office.store.write() as conn:
        fence.lift(conn, "test", 2)
    # Never the number of one that a lost database had.
    assert office.request() == fence.RUNS_PER_GENERATION + 1


def test_a_run_and_a_withdrawal_of_one_account_do_not_mix(office: Office) -> None:
    office.deposit(amount=10 * PRICE)
    office.payable()
    office.request(4 * PRICE)
    office.approve()
    office.fleet.mark(office.fleet.open("ant", "bee"), 10)
    settlement.settle(office.store, GATEWAY, office.rails, None, "shell:operator")
    assert office.files() == ["run-1.csv", "withdrawal-1.csv"]
    office.record("done")
    with office.store.read() as conn:
        assert accounts.owed(conn, "ant") == 4 * PRICE
        assert accounts.funds(conn, "ant").posted == 0
    office.check()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE withdrawal SET decided_by = requested_by",
        "UPDATE withdrawal SET state = 'requested'",
        "UPDATE withdrawal SET amount = 0",
        "UPDATE instruction SET withdrawal = NULL",
        "UPDATE payout_account SET approved_by = proposed_by",
        "UPDATE payout_account SET active_from = approved_at - 1",
        "UPDATE payout_account SET state = 'proposed'",
    ],
)
def test_the_database_refuses_what_one_person_could_not_do(office: Office, change: str) -> None:
    office.deposit()
    office.payable()
    office.request()
    office.approve()
    with pytest.raises(IntegrityError), office.store.write() as conn:
        conn.execute(text(change))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE withdrawal SET amount = 41",
        "UPDATE instruction SET amount = 41 WHERE withdrawal = 1",
        "UPDATE instruction SET state = 'failed' WHERE withdrawal = 1",
        "UPDATE withdrawal SET state = 'rejected'",
    ],
)
def test_the_audit_finds_a_withdrawal_that_was_altered(office: Office, change: str) -> None:
    office.deposit()
    office.payable()
    office.request()
    office.approve()
    office.record("done")
    office.check()
    with office.store.write() as conn:
        conn.execute(text(change))
    found = verify_books(office.store, GATEWAY.public).discrepancies
    assert "withdrawal 1" in [each.where for each in found]


def test_a_deposit_that_is_reversed_while_a_withdrawal_holds_it_is_owed(office: Office) -> None:
    office.deposit()
    office.payable()
    office.approve(office.request(100))
    proposed = books.propose_reversal(office.store, 1, "it bounced", ANN)
    books.approve_reversal(office.store, proposed.number, BOB)
    with office.store.read() as conn:
        assert accounts.owed(conn, "ant") == 100
    office.check()
    office.record("done")
    assert office.funds().posted == 0
    with office.store.read() as conn:
        assert accounts.owed(conn, "ant") == 100
    office.check()


@pytest.mark.threat("O6")
def test_where_a_rail_does_not_have_the_currency_nobody_is_paid(
    office: Office, tmp_path: Path
) -> None:
    """Two persons must not agree on what no rail will ever move."""
    rails = Rails.of(ManualRail(tmp_path), sepa(tmp_path / "sepa"))
    Fleet(office.store, "CHF", ("dan",))
    with pytest.raises(BadInput, match="rail: sepa: moves EUR only, not CHF"):
        payout_accounts.propose(office.store, rails, "dan", "sepa", PAYEE, ANN)
    assert payout_accounts.listed(office.store, "dan") == []
    made = payout_accounts.propose(office.store, rails, "ant", "sepa", PAYEE, ANN)
    payout_accounts.approve(office.store, "ant", made.id, BOB, 0)
    office.deposit(amount=2**60)
    most = 99_999_999_999 * 10_000
    with pytest.raises(BadInput, match=f"amount: must be at most {most}"):
        withdrawals.request(office.store, rails, "ant", most + 10_000, "sepa", ANN)
    assert withdrawals.request(office.store, rails, "ant", most, "sepa", ANN).amount == most
