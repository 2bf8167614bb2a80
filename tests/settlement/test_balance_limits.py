"""A balance that the ledger can't hold keeps nobody else from being settled, and loses nothing."""

import pytest
from structlog.testing import capture_logs

from gateway.settlement import instructions
from gateway.settlement.run import RunResult, run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store import accounts, channels, journal
from gateway.store.engine import Store
from tests.settlement.fleet import GATEWAY, PRICE, Fleet

LIMIT = 100 * PRICE
"""In the place of 2^63, which at 18 decimals are no ten units of a currency."""


@pytest.fixture
def fleet(store: Store, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    monkeypatch.setattr(journal, "LIMIT", LIMIT)
    return Fleet(store, names=("ant", "bee", "cat", "dog", "eel"))


def settle(fleet: Fleet) -> tuple[RunResult, list[str]]:
    """A run, and what it says of what it leaves out."""
    with capture_logs() as logs:
        result = run_settlement(fleet.store, "EUR", GATEWAY.sign, "manual")
    assert result is not None
    assert verify_books(fleet.store, GATEWAY.public).discrepancies == []
    return result, [each["payer"] if "payer" in each else each["account"] for each in logs]


def finish(fleet: Fleet, run: int) -> None:
    """Let the rail have moved all of a run."""
    with fleet.store.write() as conn:
        rows = [row for row in instructions.of_run(conn, run) if row.state == "pending"]
        for row in rows:
            instructions.handed_over(conn, row)
            instructions.record_outcome(conn, row.id, "done", "", 20)


def owed(fleet: Fleet) -> dict[str, int]:
    with fleet.store.read() as conn:
        found = {name: accounts.owed(conn, name) // PRICE for name in fleet.tariffs}
    return {name: units for name, units in found.items() if units}


@pytest.mark.threat("T1")
def test_what_would_overflow_an_account_waits_and_others_are_settled(fleet: Fleet) -> None:
    """Ant and cat together would let bee be owed more than the ledger holds."""
    fleet.mark(fleet.open("ant", "bee"), 60)
    fleet.mark(fleet.open("cat", "bee"), 60)
    fleet.mark(fleet.open("dog", "eel"), 50)
    result, left_out = settle(fleet)
    assert left_out == ["cat"]
    assert (result.channels, result.collect) == (2, 110 * PRICE)
    assert owed(fleet) == {"ant": 60, "bee": -60, "dog": 50, "eel": -50}
    finish(fleet, 1)
    result, left_out = settle(fleet)
    assert (result.channels, left_out, owed(fleet)) == (1, [], {"cat": 60, "bee": -60})


@pytest.mark.threat("T1")
def test_one_pair_of_accounts_is_settled_by_as_many_runs_as_it_takes(fleet: Fleet) -> None:
    for number in range(3):
        fleet.mark(fleet.open("ant", "bee", number), 60)
    fleet.mark(fleet.open("dog", "eel"), 50)
    for run in (1, 2, 3):
        result, left_out = settle(fleet)
        assert result.collect == (60 if run > 1 else 110) * PRICE
        assert left_out == ["ant"] * (3 - run)
        finish(fleet, run)
    assert owed(fleet) == {}


@pytest.mark.threat("T1")
def test_an_account_whose_rail_tells_nothing_waits_and_others_are_settled(fleet: Fleet) -> None:
    """What runs made of it and no rail has answered for is as much as the ledger holds."""
    channel, other = fleet.open("ant", "bee"), fleet.open("dog", "eel")
    for run, units in ((1, 60), (2, 120)):
        fleet.mark(channel, units)
        fleet.mark(other, 10 * run)
        result, left_out = settle(fleet)
        assert left_out == [[], ["ant", "bee"]][run - 1]
        assert result.collect == (70 if run == 1 else 10) * PRICE
    assert owed(fleet) == {"ant": 120, "bee": -120, "dog": 20, "eel": -20}
    finish(fleet, 1)
    result, left_out = settle(fleet)
    assert (result.collect, left_out) == (60 * PRICE, [])
    finish(fleet, 2)
    finish(fleet, 3)
    assert owed(fleet) == {}


@pytest.mark.threat("T1")
def test_a_channel_beyond_what_the_ledger_holds_is_left_as_it_is(fleet: Fleet) -> None:
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 101)
    result, left_out = settle(fleet)
    assert (result.channels, result.collect, left_out) == (0, 0, ["ant"])
    with fleet.store.read() as conn:
        assert journal.head(conn)[0] == 0
        kept = channels.get(conn, channel)
    assert (kept.amount, kept.settled_amount) == (101 * PRICE, 0)
