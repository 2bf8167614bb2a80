"""What waits on a rail that is gone is concluded by two persons who say the same."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from gateway.operations import conclusions, deposits, settlement, withdrawals
from gateway.operations.errors import BadInput
from gateway.operations.principal import SamePerson
from gateway.settlement import instructions
from gateway.settlement import run as runs
from gateway.settlement.rails import RailError
from gateway.settlement.rails.manual import ManualRail
from gateway.settlement.rails.registry import Rails
from gateway.settlement.verify_books import verify_books
from gateway.store import accounts, fence, payout_accounts
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound, RestoreFenced
from tests.settlement.fleet import GATEWAY, PRICE, Fleet
from tests.settlement.test_destinations import payout

ANN, BOB = "token:ann", "token:bob"
GOLD = "run-1-ant"


class GoldRail(ManualRail):
    """A rail that somebody uninstalls."""

    name = "gold"


class Town:
    """Books with a run that asks a rail which is gone to collect from ant, and others of bee."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.manual = ManualRail(folder)
        self.with_gold = Rails.of(self.manual, GoldRail(folder / "gold"))
        self.rails = Rails.of(self.manual)
        fleet = Fleet(store)
        payout(store, "ant", {}, rail="gold")
        payout(store, "cat", {}, rail="gold")
        fleet.mark(fleet.open("ant", "bee"), 5)
        fleet.mark(fleet.open("cat", "bee"), 5)
        runs.run_settlement(store, "EUR", GATEWAY.sign, "manual", self.with_gold)
        with pytest.raises(RailError):
            settlement.hand_over(store, self.rails)

    def say(self, outcome: str, by: str, of: str = GOLD) -> str | None:
        given = self.store, self.rails, of, outcome, f"{by} asked", by
        agreed: str | None = conclusions.conclude(*given).agreed_by
        return agreed

    def states(self) -> dict[str, str]:
        with self.store.read() as conn:
            return {row.account_id: row.state for row in instructions.of_run(conn, 1)}

    def owed(self) -> dict[str, int]:
        with self.store.read() as conn:
            found = {name: accounts.owed(conn, name) // PRICE for name in ("ant", "bee", "cat")}
        return {name: units for name, units in found.items() if units}


@pytest.fixture
def town(store: Store, tmp_path: Path) -> Iterator[Town]:
    made = Town(store, tmp_path)
    yield made
    assert verify_books(store, GATEWAY.public).discrepancies == []


@pytest.mark.threat("O6", "C2")
def test_what_two_persons_call_failed_is_owed_again_and_in_the_next_run(town: Town) -> None:
    assert town.states() == {"ant": "pending", "bee": "submitted", "cat": "pending"}
    assert town.say("failed", ANN) is None
    with pytest.raises(SamePerson):
        town.say("failed", ANN)
    assert town.states()["ant"] == "pending"
    assert town.say("failed", BOB) == BOB
    assert town.say("failed", ANN) == BOB, "said again it changes nothing"
    assert town.states() == {"ant": "failed", "bee": "submitted", "cat": "pending"}
    assert town.owed() == {"ant": 5, "bee": -10, "cat": 5}
    with town.store.read() as conn:
        note = instructions.get(conn, GOLD).note
    assert note == f"{ANN} and {BOB}: {ANN} asked"
    with town.store.write() as conn:
        conn.execute(update(payout_accounts.table).values(rail="manual"))
    settlement.settle(town.store, GATEWAY, town.with_gold, "EUR", ANN)
    with town.store.read() as conn:
        (again,) = instructions.of_run(conn, 2)
    assert (again.id, again.rail, again.state) == ("run-2-ant", "manual", "submitted")


def test_what_two_persons_call_done_was_handed_over_and_all_of_its_batch(town: Town) -> None:
    town.say("done", ANN)
    assert town.say("done", BOB) == BOB
    assert town.states() == {"ant": "done", "bee": "submitted", "cat": "submitted"}
    assert town.owed() == {"bee": -10, "cat": 5}
    with pytest.raises(Conflict, match="is done"):
        town.say("failed", ANN)


def test_two_persons_who_say_different_things_conclude_nothing(town: Town) -> None:
    town.say("failed", ANN)
    assert town.say("done", BOB) is None
    assert town.states()["ant"] == "pending"
    assert town.say("done", ANN) == ANN
    assert town.states()["ant"] == "done"


@pytest.mark.threat("C2")
def test_a_rail_that_is_there_or_has_it_is_asked_and_not_people(town: Town) -> None:
    with pytest.raises(Conflict, match="rail gold: is there"):
        conclusions.conclude(town.store, town.with_gold, GOLD, "failed", "no", ANN)
    town.say("failed", ANN)
    settlement.hand_over(town.store, town.with_gold)
    with pytest.raises(Conflict, match="is submitted"):
        town.say("failed", BOB)
    with pytest.raises(NotFound, match="run-9-ant"):
        town.say("failed", ANN, "run-9-ant")
    for outcome, reason, field in (("returned", "x", "outcome"), ("failed", "", "reason")):
        with pytest.raises(BadInput, match=field):
            conclusions.conclude(town.store, town.rails, GOLD, outcome, reason, ANN)


def test_a_run_whose_last_one_is_concluded_is_completed(town: Town) -> None:
    for name in (GOLD, "run-1-cat"):
        town.say("failed", ANN, name)
        town.say("failed", BOB, name)
    with town.store.write() as conn:
        instructions.record_outcome(conn, "run-1-bee", "done", "", 10)
    with town.store.read() as conn:
        assert runs.get(conn, 1).state == "completed"


def test_a_withdrawal_that_is_concluded_as_failed_frees_what_it_held(town: Town) -> None:
    with town.store.write() as conn:
        conn.execute(update(payout_accounts.table).values(details=json.dumps({"to": "me"})))
    deposits.deposit(town.store, "ant", 100, "manual", "r", ANN)
    withdrawals.request(town.store, town.with_gold, "ant", 100, "gold", ANN)
    withdrawals.approve(town.store, "ant", 1, BOB)
    town.say("failed", ANN, "withdrawal-1")
    assert town.say("failed", BOB, "withdrawal-1") == BOB
    with town.store.read() as conn:
        assert accounts.funds(conn, "ant").free_credit == 100


def test_restored_books_are_reconciled_first(town: Town) -> None:
    with town.store.write() as conn:
        fence.put_up(conn, 2, "", 1, 1)
    with pytest.raises(RestoreFenced):
        town.say("failed", ANN)
