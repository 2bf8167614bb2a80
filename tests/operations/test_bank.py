"""What banks say gets into the books: once, whole, and as what it was for."""

import json
from collections import Counter
from pathlib import Path

import pytest

from gateway.ledger.states import IllegalMove
from gateway.operations import bank, deposits
from gateway.operations.bank import Taken, take_in
from gateway.operations.errors import BadInput
from gateway.settlement import run as runs
from gateway.settlement.bank.xml import BankFileError
from gateway.settlement.instructions import of_run, record_outcome, submit_pending
from gateway.settlement.run import run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store import accounts, events, fence, journal
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound, RestoreFenced
from tests.settlement.bank_files import Entry, Part, camt053, camt054, pain002
from tests.settlement.fleet import GATEWAY, Fleet
from tests.settlement.test_destinations import payout
from tests.settlement.test_rail_sepa import PAYEE, PAYER, sepa

ANN = "token:ann"
CENT = 10_000
# ant and cat each owe bee 3 cents: with their IOUs' 10000 units at 3.
OWED = 3 * CENT

PAID = Entry("-0.06", [Part("run-1-bee", party="Bee")], ref="B-1")
ANT = Entry("0.03", [Part("run-1-ant")], ref="B-2")
CAT = Entry("0.03", [Part("run-1-cat")], ref="B-3")
BACK = Entry("0.06", [Part("run-1-bee", reason="AC04")], ref="B-4")
CHARGED_BACK = Entry("-0.03", [Part("run-1-ant", reason="MD06")], ref="B-5")


class House:
    """Books with a run of three instructions at a bank: collect from ant and cat, pay bee."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.rail = sepa(folder / "sepa")
        self.fleet = Fleet(store)
        for account in ("ant", "cat"):
            payout(store, account, PAYER | {"mandate": f"M-{account}"})
        payout(store, "bee", PAYEE)
        for account in ("ant", "cat"):
            self.fleet.mark(self.fleet.open(account, "bee"), 10_000)
        self.settle()

    def settle(self) -> None:
        rails = {"sepa": self.rail}
        run_settlement(self.store, "EUR", GATEWAY.sign, "sepa", rails=rails)
        submit_pending(self.store, self.rail)

    def take(self, content: bytes) -> Taken:
        return take_in(self.store, self.rail, content, ANN)

    def counts(self, content: bytes) -> dict[str, int]:
        return {name: count for name, count in self.take(content).counts.items() if count}

    def states(self, run: int = 1) -> dict[str, str]:
        with self.store.read() as conn:
            return {row.account_id: row.state for row in of_run(conn, run)}

    def owed(self) -> dict[str, int]:
        with self.store.read() as conn:
            found = {name: accounts.owed(conn, name) for name in ("ant", "bee", "cat")}
        return {name: amount for name, amount in found.items() if amount}

    def balance(self, account: str) -> int:
        with self.store.read() as conn:
            return journal.balance(conn, account, "EUR")

    def suspense(self) -> list[tuple[int, str]]:
        page = bank.unmatched(self.store)
        return sorted((row.amount, row.note) for row in page.items)

    def booking(self) -> str:
        (row,) = bank.unmatched(self.store).items
        return str(row.id)

    def entries(self) -> int:
        with self.store.read() as conn:
            return journal.head(conn)[0]

    def audited(self) -> None:
        assert verify_books(self.store, GATEWAY.public).discrepancies == []


@pytest.fixture
def house(store: Store, tmp_path: Path) -> House:
    return House(store, tmp_path)


@pytest.mark.threat("G7")
def test_what_was_booked_ends_its_instructions_and_what_came_back_reopens_them(
    house: House,
) -> None:
    assert house.counts(camt053(PAID, ANT, CAT)) == {"payment": 3}
    assert set(house.states().values()) == {"done"}
    with house.store.read() as conn:
        assert runs.get(conn, 1).state == "completed"
    assert house.owed() == {}
    assert house.counts(camt053(BACK, CHARGED_BACK, message="M-2")) == {"return": 2}
    assert house.states() == {"ant": "returned", "bee": "returned", "cat": "done"}
    assert house.owed() == {"ant": OWED, "bee": -2 * OWED}
    assert house.balance("rail:sepa") == OWED
    house.audited()
    house.settle()
    assert house.states(2) == {"ant": "submitted", "bee": "submitted"}
    again = [Entry("-0.06", [Part("run-2-bee")], ref="B-6")]
    again.append(Entry("0.03", [Part("run-2-ant")], ref="B-7"))
    assert house.counts(camt054(*again)) == {"payment": 2}
    assert house.owed() == {}
    assert house.balance("rail:sepa") == house.balance("suspense:sepa") == 0
    house.audited()


@pytest.mark.threat("G7", "O4")
def test_a_file_read_twice_changes_nothing_and_says_so(house: House) -> None:
    content = camt053(PAID, Entry("5.00", [Part(text="hello")]))
    first = house.take(content)
    assert (first.known, first.kind, first.message) == (False, "camt.053.001.08", "M-1")
    entries = house.entries()
    again = house.take(content)
    assert again.known
    assert again.counts == Counter()
    # The same bookings in a notification, in a later statement, among others.
    assert house.counts(camt054(PAID, ANT, Entry("5.00", [Part(text="hello")]))) == {
        "known": 2,
        "payment": 1,
    }
    assert house.entries() == entries + 1
    house.audited()


@pytest.mark.threat("G7", "C2")
def test_a_file_is_taken_in_whole_or_not_at_all(house: House) -> None:
    entries = house.entries()
    wrong = Entry("1.00", [Part(text="x")], currency="USD")
    with pytest.raises(BankFileError, match="line 2: Amt: no account is in USD"):
        house.take(camt053(PAID, ANT, wrong))
    with pytest.raises(BankFileError, match="Acct/Id/IBAN: must be DE89370400440532013000"):
        house.take(camt053(PAID, iban="NL91ABNA0417164300"))
    with pytest.raises(BankFileError, match="must have at most 6 decimals and be below"):
        house.take(camt054(Entry("99999999999999999.00", [Part("run-1-ant")])))
    assert house.entries() == entries
    assert set(house.states().values()) == {"submitted"}
    assert house.counts(camt053(PAID, ANT, CAT)) == {"payment": 3}


@pytest.mark.threat("G7")
def test_anybody_may_write_our_references_and_moves_nothing_by_that(house: House) -> None:
    """A stranger sends money under the reference of a payment: it came in, and is nobody's."""
    house.take(camt053(PAID, ANT))
    for number, entry in enumerate(
        (
            Entry("0.01", [Part("run-1-bee")], ref="X-1"),  # not the amount
            Entry("0.06", [Part("run-1-bee")], ref="X-2"),  # not called a return by the bank
            Entry("0.01", [Part("run-1-cat")], ref="X-3"),
            Entry("0.03", [Part("run-1-ant")], ref="X-4"),  # a second payment
            Entry("0.01", [Part("run-1-bee", reason="AC04")], ref="X-5"),  # part of a return
        )
    ):
        assert house.counts(camt053(entry, message=f"S-{number}")) == {"suspense": 1}
    assert house.states() == {"ant": "done", "bee": "done", "cat": "submitted"}
    assert house.owed() == {"cat": OWED}
    assert house.suspense() == [
        (CENT, "its amount is not that of run-1-bee"),
        (CENT, "its amount is not that of run-1-cat"),
        (CENT, "names run-1-bee, but the bank does not call it a return"),
        (3 * CENT, "run-1-ant has its payment already"),
        (6 * CENT, "names run-1-bee, but the bank does not call it a return"),
    ]
    assert house.balance("suspense:sepa") == -12 * CENT
    house.audited()


@pytest.mark.threat("G7")
def test_a_return_may_overtake_its_payment(house: House) -> None:
    assert house.counts(camt054(CHARGED_BACK)) == {"return": 1}
    assert house.states()["ant"] == "returned"
    assert house.owed()["ant"] == OWED
    assert house.counts(camt053(ANT)) == {"payment": 1}
    assert house.states()["ant"] == "returned"
    assert house.owed()["ant"] == OWED
    assert house.balance("rail:sepa") == 0
    house.audited()


@pytest.mark.threat("G7")
def test_one_booking_may_be_the_whole_batch(house: House) -> None:
    whole = Entry("0.06", batch="run-1-collect-frst", ref="B-9")
    less = Entry("0.05", batch="run-1-collect-frst", ref="B-8")
    assert house.counts(camt053(less)) == {"suspense": 1}
    assert house.counts(camt053(whole, Entry("-0.06", batch="run-1-pay"), message="M-2")) == {
        "payment": 2
    }
    assert set(house.states().values()) == {"done"}
    house.audited()


@pytest.mark.threat("G7")
def test_a_batch_of_which_a_part_was_refused_is_booked_for_the_rest(house: House) -> None:
    refused = pain002(
        "run-1-collect", "PART", [("run-1-collect-frst", "", [("run-1-cat", "RJCT", "AC01")])]
    )
    assert house.counts(refused) == {"failed": 1, "pending": 2}
    assert house.states() == {"ant": "submitted", "bee": "submitted", "cat": "failed"}
    assert house.counts(camt053(Entry("0.03", batch="run-1-collect-frst"))) == {"payment": 1}
    assert house.owed() == {"bee": -2 * OWED, "cat": OWED}
    house.settle()
    assert house.states(2) == {"cat": "submitted"}
    house.audited()


@pytest.mark.parametrize(
    "content",
    [
        pain002("run-1-collect", "RJCT"),
        pain002("run-1-collect", "", [("run-1-collect-frst", "RJCT", [])]),
        pain002(
            "run-1-collect",
            "",
            [("run-1-collect-frst", "", [(f"run-1-{who}", "RJCT", "") for who in ("ant", "cat")])],
        ),
    ],
)
@pytest.mark.threat("G7")
def test_a_refusal_fails_what_it_is_about_once(house: House, content: bytes) -> None:
    assert house.counts(content) == {"failed": 2}
    assert house.states() == {"ant": "failed", "bee": "submitted", "cat": "failed"}
    assert house.owed() == {"ant": OWED, "bee": -2 * OWED, "cat": OWED}
    entries = house.entries()
    assert house.counts(content.replace(b"P-1", b"P-2")) == {"known": 2}
    assert house.entries() == entries
    house.audited()


def test_a_step_on_the_way_changes_nothing(house: House) -> None:
    entries = house.entries()
    for status in ("RCVD", "ACTC", "ACCP", "ACSP", "ACSC", "PDNG"):
        assert house.counts(pain002("run-1-pay", status, id_=status)) == {"pending": 1}
    assert house.entries() == entries


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (pain002("run-9-pay", "RJCT"), "run-9-pay: was never sent over this rail"),
        (pain002("somebody", "RJCT"), "somebody: is no message of this gateway's"),
        (pain002("somebody", "", [("run-1-pay", "RJCT", [])]), "somebody: is no message"),
        (
            pain002("run-1-pay", "", [("run-1-pay", "", [("run-1-ant", "RJCT", "")])]),
            "run-1-pay run-1-pay run-1-ant: was never sent",
        ),
        (
            pain002("run-1-pay", "", [("run-1-collect-rcur", "RJCT", [])]),
            "run-1-collect-rcur: was never sent",
        ),
        (pain002("run-1-pay", "RJCT"), "instruction run-1-bee: it is recorded as done"),
    ],
)
@pytest.mark.threat("G7")
def test_a_verdict_on_what_was_never_sent_or_is_done_refuses_the_file(
    house: House, content: bytes, complaint: str
) -> None:
    house.take(camt053(PAID))
    entries = house.entries()
    with pytest.raises(BankFileError, match=f"line 1: .*{complaint}"):
        house.take(content)
    assert house.entries() == entries


@pytest.mark.threat("G7")
def test_a_payment_that_was_refused_and_booked_all_the_same_is_kept_apart(house: House) -> None:
    house.take(pain002("run-1-pay", "RJCT"))
    assert house.counts(camt053(PAID)) == {"suspense": 1}
    assert house.suspense() == [(-2 * OWED, "run-1-bee is recorded as failed")]
    assert house.counts(camt053(BACK, message="M-2")) == {"suspense": 1}
    assert house.balance("rail:sepa") == house.balance("suspense:sepa") == 0
    house.audited()


@pytest.mark.threat("C2")
def test_what_the_bank_has_done_was_handed_over_even_if_nobody_noted_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway died between writing the file and noting it, and the file was taken to a bank."""
    from gateway.settlement import instructions

    class Died(BaseException):
        pass

    def dies(*_given: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(instructions, "_handed_over", dies)
        with pytest.raises(Died):
            House(store, tmp_path)
    house = object.__new__(House)
    house.store, house.rail = store, sepa(tmp_path / "sepa")
    assert set(house.states().values()) == {"pending"}
    assert house.counts(camt053(PAID)) == {"payment": 1}
    assert house.states() == {"ant": "submitted", "bee": "done", "cat": "submitted"}
    before = {path: path.read_bytes() for path in (tmp_path / "sepa").iterdir()}
    assert submit_pending(store, house.rail) == 0
    assert {path: path.read_bytes() for path in (tmp_path / "sepa").iterdir()} == before
    house.audited()


def test_what_people_recorded_first_is_not_posted_again(house: House) -> None:
    with house.store.write() as conn:
        record_outcome(conn, "run-1-bee", "done", "seen at the bank", 50)
    entries = house.entries()
    assert house.counts(camt053(PAID)) == {"payment": 1}
    assert house.entries() == entries
    assert house.counts(camt053(PAID, message="M-2", opening="7.00")) == {"known": 1}
    house.audited()


def test_money_that_names_an_account_is_its_deposit(house: House) -> None:
    content = camt053(
        Entry("12.50", [Part(text="Invoice 7, TALLY-ant, thanks", party="Ant")], ref="D-1"),
        Entry("1.00", [Part("tally-CAT")], ref="D-2"),
    )
    assert house.counts(content) == {"deposit": 2}
    assert house.balance("funds:ant") == -1250 * CENT
    assert house.balance("funds:cat") == -100 * CENT
    (row,) = deposits.page(house.store, "ant").items
    assert (row.amount, row.recorded_by, row.rail) == (1250 * CENT, ANN, "sepa")
    house.audited()


@pytest.mark.parametrize(
    "entry",
    [
        Entry("1.00", [Part(text="TALLY-nobody")]),
        Entry("1.00", [Part(text="TALLY-ant TALLY-cat")]),
        Entry("1.00", [Part(text="METALLY-ant")]),
        Entry("1.00", [Part(text="TALLY-antelope")]),
        Entry("1.00", [Part(text="tally ant")]),
        Entry("-1.00", [Part(text="TALLY-ant")]),
        Entry("1.00", [Part(text="TALLY-ant", reason="AC04")]),
        Entry("1.00", []),
    ],
)
def test_money_that_names_no_account_for_certain_is_kept_in_suspense(
    house: House, entry: Entry
) -> None:
    assert house.counts(camt053(entry)) == {"suspense": 1}
    amount = -100 * CENT if entry.amount.startswith("-") else 100 * CENT
    assert house.balance("rail:sepa") == -house.balance("suspense:sepa") == amount
    house.audited()


def test_an_operator_says_whose_money_it_was(house: House) -> None:
    house.take(camt053(Entry("2.00", [Part(text="who?", party="Ant")])))
    row = bank.to_account(house.store, house.booking(), "ant", ANN)
    assert (row.state, row.assigned_by, row.note) == ("assigned", ANN, "account ant")
    assert house.balance("funds:ant") == -200 * CENT
    house.take(camt053(Entry("-0.50", [Part(text="charges")]), message="M-2"))
    bank.to_account(house.store, house.booking()[:8], "bee", ANN)
    assert house.owed()["bee"] == -2 * OWED + 50 * CENT
    assert house.balance("suspense:sepa") == 0
    assert house.balance("rail:sepa") == 150 * CENT
    with pytest.raises(IllegalMove):
        bank.to_account(house.store, row.id, "cat", ANN)
    house.audited()


def test_an_operator_says_which_payment_it_was(house: House) -> None:
    """Banks that lose the reference on the way."""
    house.take(camt053(Entry("-0.06", [Part("NOTPROVIDED")])))
    booking = house.booking()
    with pytest.raises(BadInput, match=f"account: must be named for the rest, which is {OWED}"):
        bank.to_instruction(house.store, booking, "run-1-ant", ANN)
    with pytest.raises(NotFound):
        bank.to_instruction(house.store, booking, "run-1-nobody", ANN)
    bank.to_instruction(house.store, booking, "run-1-bee", ANN)
    assert house.states()["bee"] == "done"
    house.take(camt053(Entry("0.06", [Part("NOTPROVIDED")]), message="M-2"))
    bank.to_instruction(house.store, house.booking(), "run-1-bee", ANN)
    assert house.states()["bee"] == "returned"
    assert house.balance("rail:sepa") == house.balance("suspense:sepa") == 0
    house.audited()


@pytest.mark.threat("G7")
def test_one_line_of_several_instructions_is_assigned_to_all_of_them(house: House) -> None:
    """A bank that books a collection as one sum, and says nothing of what is in it."""
    house.take(camt053(Entry("0.06", [Part(text="collection")])))
    row = bank.to_several(house.store, house.booking(), ("run-1-ant", "run-1-cat"), None, ANN)
    assert row.note == "payment of run-1-ant, payment of run-1-cat"
    assert house.states() == {"ant": "done", "bee": "submitted", "cat": "done"}
    assert house.balance("suspense:sepa") == 0
    assert house.balance("rail:sepa") == 2 * OWED
    house.audited()
    with pytest.raises(BadInput, match="run-1-ant has its payment already"):
        bank.to_several(house.store, row.id, ("run-1-ant",), None, ANN)


@pytest.mark.threat("G7")
def test_what_instructions_leave_of_a_line_is_an_accounts(house: House) -> None:
    house.take(camt053(Entry("0.10", [Part(text="who?")])))
    row = bank.to_several(house.store, house.booking(), ("run-1-ant",), "cat", ANN)
    assert row.note == "payment of run-1-ant, account cat"
    assert house.states()["ant"] == "done"
    assert house.balance("funds:cat") == -7 * CENT
    house.take(camt053(Entry("-0.09", [Part(text="who?")]), message="M-2"))
    both = ("run-1-ant", "run-1-bee")
    bank.to_several(house.store, house.booking(), both, None, ANN)
    assert house.states() == {"ant": "returned", "bee": "done", "cat": "submitted"}
    assert house.owed() == {"ant": OWED, "cat": OWED}
    house.audited()


@pytest.mark.threat("G7")
@pytest.mark.parametrize(
    ("of", "account", "said"),
    [
        (("run-1-ant",), None, f"account: must be named for the rest, which is {OWED}"),
        (("run-1-ant", "run-1-cat"), "ant", "account: must be named for the rest, which is 0"),
        (("run-1-ant", "run-1-bee"), None, "instructions: come to more than what was booked"),
        (("run-1-ant", "run-1-ant"), None, "instructions: must be at most 1000, each named once"),
        ((), None, "account: must be named for the rest"),
    ],
)
def test_parts_that_are_not_the_line_to_the_unit_assign_nothing(
    house: House, of: tuple[str, ...], account: str | None, said: str
) -> None:
    house.take(camt053(Entry("0.06", [Part(text="collection")])))
    booking, before = house.booking(), house.entries()
    with pytest.raises(BadInput, match=said):
        bank.to_several(house.store, booking, of, account, ANN)
    assert (house.booking(), house.entries()) == (booking, before)
    assert set(house.states().values()) == {"submitted"}


def test_an_operator_says_that_it_is_another_one_again(house: House) -> None:
    house.take(camt053(Entry("2.00", [Part(text="TALLY-ant")], ref="B-1")))
    house.take(camt054(Entry("2.00", [Part(text="who?")])))
    other = house.booking()
    with pytest.raises(BadInput, match="duplicate_of: must be another booking"):
        bank.as_duplicate(house.store, other, other, ANN)
    with house.store.read() as conn:
        from gateway.store import bookings

        (first,) = [
            row.id for row in conn.execute(bookings.table.select()) if row.state == "matched"
        ]
    bank.as_duplicate(house.store, other, first, ANN)
    assert house.balance("rail:sepa") == 200 * CENT
    assert house.balance("suspense:sepa") == 0
    house.audited()


def test_two_bookings_are_not_each_the_other_one_again(house: House) -> None:
    """Or money that the bank holds would leave the books."""
    house.take(camt053(Entry("2.00", [Part(text="who?")], ref="B-1")))
    one = house.booking()
    house.take(camt054(Entry("2.00", [Part(text="who is it?")], ref="N-1")))
    (other,) = {row.id for row in bank.unmatched(house.store).items} - {one}
    bank.as_duplicate(house.store, one, other, ANN)
    with pytest.raises(BadInput, match="duplicate_of: is itself another one again"):
        bank.as_duplicate(house.store, other, one, ANN)
    assert house.balance("rail:sepa") == -house.balance("suspense:sepa") == 200 * CENT
    house.audited()


@pytest.mark.threat("G7")
def test_a_payment_that_a_person_recorded_first_is_not_deposited_again(house: House) -> None:
    deposits.deposit(house.store, "ant", 200 * CENT, "sepa", "E-1", ANN)
    assert house.counts(camt053(Entry("2.00", [Part("E-1", text="TALLY-ant")]))) == {"suspense": 1}
    assert house.suspense() == [(200 * CENT, "a deposit is recorded under its end-to-end id, E-1")]
    assert house.balance("funds:ant") == -200 * CENT
    house.audited()


@pytest.mark.threat("G7")
def test_a_payment_that_the_bank_told_of_first_is_not_recorded_again(house: House) -> None:
    house.take(camt053(Entry("2.00", [Part("E-1", text="TALLY-ant")])))
    entries = house.entries()
    with pytest.raises(Conflict, match="deposit E-1: the bank has booked it"):
        deposits.deposit(house.store, "ant", 200 * CENT, "sepa", "E-1", ANN)
    assert house.entries() == entries
    assert house.balance("funds:ant") == -200 * CENT


def test_what_is_said_of_a_booking_must_be_right(house: House) -> None:
    house.take(camt053(Entry("2.00", [Part(text="a")]), Entry("3.00", [Part(text="b")])))
    one = bank.unmatched(house.store).items[0].id
    for call in (
        lambda: bank.to_account(house.store, "", "ant", ANN),
        lambda: bank.to_account(house.store, "zz", "ant", ANN),
        lambda: bank.to_account(house.store, one[:7], "ant", ANN),
        lambda: bank.to_account(house.store, "%", "ant", ANN),
    ):
        with pytest.raises(NotFound):
            call()
    with pytest.raises(NotFound):
        bank.to_account(house.store, bank.unmatched(house.store).items[0].id, "nobody", ANN)
    assert len(house.suspense()) == 2


@pytest.mark.threat("C6")
def test_restored_books_take_in_no_bank_file(house: House) -> None:
    with house.store.write() as conn:
        fence.put_up(conn, 2, "", 0, 0)
    with pytest.raises(RestoreFenced):
        house.take(camt053(PAID))


def test_a_rail_without_a_bank_is_refused(tmp_path: Path) -> None:
    from gateway.settlement.rails.manual import ManualRail

    with pytest.raises(BadInput, match="rail: manual has no account at a bank"):
        bank.bank_rail(ManualRail(tmp_path))


def test_money_that_nobody_knows_is_an_event_and_so_is_its_end(house: House) -> None:
    house.take(camt053(Entry("5.00", [Part(text="who am I", party="Zoe")], ref="B-8")))
    booking = house.booking()
    bank.to_account(house.store, booking, "ant", ANN)
    with house.store.read() as conn:
        told = events.page(conn, subject=booking)
    assert [(row.kind, row.level) for row in told] == [
        ("booking.assigned", "info"),
        ("booking.unmatched", "action"),
    ]
    # To whoever events are sent: not by whom, and not why.
    assert json.loads(told[1].data) == {
        "amount": str(500 * CENT),
        "currency": "EUR",
        "direction": "in",
    }
