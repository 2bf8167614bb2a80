"""The oracle can fail where rails move money: whatever is done to what they did, it names the
invariant. As `test_oracle`, on books with deposits, withdrawals, a bank and fees."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.operations import deposits
from simulator.world.movement import Movement
from simulator.world.oracle import Oracle, Violation
from simulator.world.perform import perform
from simulator.world.story import Operation
from simulator.world.world import World
from tests.world.test_oracle import OPTIONS, Town

FEES = replace(OPTIONS.tariffs[0], numerator=30_000, fee_bp=250, fee_account="shop")
BEFORE: list[Operation] = [
    ["payout", 0, "sepa", 1],
    ["approve_payout", 0, 0],
    ["payout", 1, "manual", 1],
    ["approve_payout", 0, 0],
    ["deposit", 0, 50_000, 1],
    ["consume", 0, 40],
    ["wait", 60_000],
    ["settle"],
    ["bank_reads", "none", "each"],
    ["bank_tells", "statement"],
    ["deposit", 1, 200_000, 2],
    ["withdraw", 1, 30_000, "manual"],
    ["approve_withdrawal", 0],
    ["deposit_mistaken", 1, 5],
    ["reverse"],
    ["approve_reversal", 0],
    ["withdraw", 1, 70_000, "manual"],
]


@pytest.fixture
def town() -> Iterator[Town]:
    """One account pays by the bank, the other asks deposits back: one withdrawal is handed over,
    the next one holds 70,000 and waits."""
    with World(replace(OPTIONS, tariffs=[FEES]), Oracle) as world:
        world.advance(60)
        for operation in BEFORE:
            perform(world, operation)
        assert world.drain() == []
        yield Town(world)


def test_books_that_are_right_are_found_right(town: Town) -> None:
    assert town.world.bank.executed() == ["run-1-fleet"]
    town.world.treasury.put_right()
    town.world.settle()
    town.oracle.check_settled()


def test_4_something_takes_what_a_withdrawal_holds(town: Town) -> None:
    town.post(
        "funds", "made up", ("funds:shop", "EUR", 100_001), ("settling:shop", "EUR", -100_001)
    )
    town.finds(4)


def test_4_more_is_taken_of_deposits_than_was_paid_in(town: Town) -> None:
    town.post(
        "funds", "made up", ("funds:fleet", "EUR", 10**9), ("settling:fleet", "EUR", -(10**9))
    )
    town.finds(4)


def test_4_more_is_asked_back_than_is_free(town: Town) -> None:
    town.world.treasury.withdraw("shop", 1, "manual")
    town.change("UPDATE withdrawal SET amount = 100001 WHERE number = 3")
    town.finds(4)


def test_4_a_withdrawal_leaves_less_than_channels_have_reserved(town: Town) -> None:
    town.change("UPDATE account SET credit_limit = 0 WHERE id = 'fleet'")
    town.world.treasury.deposit("fleet", "EUR", 1_000, "one more")
    town.change(
        "INSERT INTO withdrawal (number, account_id, amount, currency, payout_account, pending_id,"
        " state, requested_by, requested_at) SELECT 9, 'fleet', 1000, currency, payout_account, 9,"
        " state, requested_by, requested_at FROM withdrawal WHERE number = 2"
    )
    town.finds(4)


def test_5_a_fee_that_is_not_the_tariffs(town: Town) -> None:
    town.change("UPDATE interval SET fee = fee + 1")
    town.finds(5)


def test_9_a_line_of_the_bank_is_applied_twice(town: Town) -> None:
    town.change(
        "INSERT INTO booking SELECT substr(id, 2) || 'x', file_id, rail, amount, currency,"
        " booked_on, end_to_end, reason, party, party_iban, text, state, note, assigned_by,"
        " assigned_at FROM booking"
    )
    town.finds(9)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE withdrawal SET state = 'requested', decided_by = NULL WHERE number = 1",
        "UPDATE withdrawal SET amount = amount - 1 WHERE number = 2",
        "UPDATE instruction SET state = 'submitted' WHERE id = 'run-1-fleet'",
        "UPDATE instruction SET amount = amount - 10000 WHERE id = 'run-1-fleet'",
        "UPDATE instruction SET destination = '{}' WHERE id = 'run-1-fleet'",
    ],
)
def test_12_what_was_decided_changes(town: Town, statement: str) -> None:
    town.change(statement)
    town.finds(12)


NOT_SO = {
    "another account": "UPDATE deposit SET account_id = 'fleet' WHERE reference = 'paid in 2'",
    "another amount": "UPDATE deposit SET amount = amount + 1 WHERE reference = 'paid in 2'",
    "another line": "UPDATE booking SET amount = amount + 10000",
    "not paid": "UPDATE instruction SET state = 'done' WHERE state = 'submitted'",
    "not back": "UPDATE instruction SET state = 'returned' WHERE id = 'run-1-fleet'",
}


@pytest.mark.parametrize("what", NOT_SO)
def test_16_what_is_stored_is_not_what_the_rails_did(town: Town, what: str) -> None:
    town.change(NOT_SO[what])
    town.finds(16)


def test_16_somebody_records_what_nobody_paid(town: Town) -> None:
    assert town.world.operator.act(
        "deposit",
        lambda store: deposits.deposit(store, "shop", 7, "manual", "nothing", "token:ann"),
    )
    town.finds(16)


def test_16_a_rail_has_moved_more_than_it_was_asked_to(town: Town) -> None:
    town.post("outcome", "made up", ("rail:sepa", "EUR", 5), ("settling:fleet", "EUR", -5))
    town.finds(16)


def test_16_what_came_back_is_still_paid(town: Town) -> None:
    town.world.treasury.put_right()
    town.world.settle()
    town.oracle.rail_returned("run-1-fleet")
    town.finds_at_rest(16)


def test_16_what_came_in_was_never_taken_in(town: Town) -> None:
    town.world.treasury.put_right()
    town.world.settle()
    unknown = Movement("sepa", "fleet", "EUR", 10_000)
    town.oracle.rail_moved(unknown, "from nowhere", instructed=False)
    town.finds_at_rest(16)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payout_account SET approved_by = proposed_by WHERE id = 'shop-payout-1'",
        "UPDATE withdrawal SET decided_by = requested_by WHERE number = 1",
        "UPDATE reversal SET decided_by = proposed_by",
    ],
)
def test_17_one_person_decides_alone(town: Town, statement: str) -> None:
    town.change(statement)
    town.finds(17)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE instruction SET destination = '{\"to\": \"me\"}' WHERE id = 'withdrawal-2'",
        "UPDATE payout_account SET active_from = active_from + 10000 WHERE account_id = 'shop'",
    ],
)
def test_17_money_goes_where_it_was_not_agreed_or_has_not_cooled(
    town: Town, statement: str
) -> None:
    assert town.world.treasury.approve_withdrawal(alone=False)
    town.change(statement)
    with pytest.raises(Violation) as found:
        town.oracle.check(town.world.gateway.now_s())
    assert found.value.number == 17


def test_17_money_goes_where_it_was_to_go_no_more(town: Town) -> None:
    town.change(
        "UPDATE payout_account SET state = 'retired', ended_by = 'x', ended_at = active_from"
        " WHERE account_id = 'shop'"
    )
    town.oracle.check()
    town.change("UPDATE payout_account SET state = 'active', ended_by = NULL, ended_at = NULL")
    assert town.world.treasury.approve_withdrawal(alone=False)
    town.change("UPDATE payout_account SET state = 'retired' WHERE account_id = 'shop'")
    town.finds(17)
