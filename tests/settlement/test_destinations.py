"""Where money goes: the payout account in force, whole quanta, and the rest carried."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import insert, update
from structlog.testing import capture_logs

from gateway.settlement.destinations import Destination, Destinations, in_force
from gateway.settlement.instructions import of_run, submit_pending
from gateway.settlement.rails import RailError
from gateway.settlement.rails.manual import ManualRail
from gateway.settlement.rails.sepa import pain
from gateway.settlement.run import run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store import accounts, payout_accounts
from gateway.store.engine import Store
from tests.settlement.fleet import GATEWAY, PRICE, Fleet
from tests.settlement.test_rail_sepa import PAYEE, PAYER, sepa

CENT = 10_000


def payout(
    store: Store,
    account: str,
    details: Mapping[str, str],
    *,
    rail: str = "sepa",
    at: int = 0,
    state: str = "active",
) -> None:
    """Let an account be paid there from Unix second `at` on."""
    with store.write() as conn:
        conn.execute(
            insert(payout_accounts.table).values(
                id=f"{account}-{rail}-{at}-{state}",
                account_id=account,
                rail=rail,
                details=json.dumps(details),
                state=state,
                proposed_by="one",
                proposed_at=0,
                approved_by="another" if state != "proposed" else None,
                approved_at=at if state != "proposed" else None,
                active_from=at if state != "proposed" else None,
                ended_by="one" if state == "retired" else None,
                ended_at=at if state == "retired" else None,
            )
        )


def settled(store: Store, folder: Path, rails: bool = True) -> None:
    run_settlement(
        store,
        "EUR",
        GATEWAY.sign,
        "manual",
        rails={"sepa": sepa(folder / "sepa"), "manual": ManualRail(folder / "manual")}
        if rails
        else None,
    )


def instructed(store: Store, run: int = 1) -> list[tuple[str, str, int, str]]:
    with store.read() as conn:
        return [(row.id, row.rail, row.amount, row.state) for row in of_run(conn, run)]


@pytest.mark.threat("O6")
def test_what_counts_is_the_last_that_is_active_and_has_cooled_down(store: Store) -> None:
    Fleet(store)
    payout(store, "ant", PAYER, at=100)
    payout(store, "ant", PAYEE, rail="manual", at=200)
    payout(store, "ant", PAYEE, rail="manual", at=150, state="retired")
    payout(store, "bee", PAYEE, at=50, state="proposed")
    with store.read() as conn:
        assert in_force(conn, 99) == {}
        assert in_force(conn, 199) == {"ant": Destination("sepa", PAYER)}
        assert in_force(conn, 200) == {"ant": Destination("manual", PAYEE)}


@pytest.mark.threat("G7")
def test_each_account_goes_by_its_own_rail_in_whole_quanta_and_the_rest_is_carried(
    store: Store, tmp_path: Path
) -> None:
    fleet = Fleet(store)
    payout(store, "ant", PAYER)
    payout(store, "bee", PAYEE)
    fleet.mark(fleet.open("ant", "bee"), 5_000)
    fleet.mark(fleet.open("cat", "bee"), 5_001)
    settled(store, tmp_path)
    assert instructed(store) == [
        ("run-1-ant", "sepa", CENT, "pending"),
        ("run-1-bee", "sepa", 3 * CENT, "pending"),
        ("run-1-cat", "manual", 5_001 * PRICE, "pending"),
    ]
    assert submit_pending(store, sepa(tmp_path / "sepa")) == 2
    assert submit_pending(store, ManualRail(tmp_path / "manual")) == 1
    assert verify_books(store, GATEWAY.public).discrepancies == []
    with store.read() as conn:
        assert accounts.owed(conn, "ant") == 5_000 * PRICE
        assert accounts.owed(conn, "bee") == -10_001 * PRICE
    # Nothing has come since, and a rest alone is no reason for a run.
    settled(store, tmp_path)
    fleet.mark(fleet.open("ant", "bee", 2), 1_700)
    settled(store, tmp_path)
    # 5000 left of the first run and 5100 more are a cent and 100.
    assert instructed(store, 2) == [("run-2-ant", "sepa", CENT, "pending")]
    assert verify_books(store, GATEWAY.public).discrepancies == []


def test_what_no_rail_serves_stays_owed_and_makes_no_run(store: Store, tmp_path: Path) -> None:
    fleet = Fleet(store)
    payout(store, "ant", PAYEE)  # no mandate: nothing can be collected
    payout(store, "bee", PAYEE)
    fleet.mark(fleet.open("ant", "bee"), 10_000)
    settled(store, tmp_path)
    assert [row[0] for row in instructed(store)] == ["run-1-bee"]
    with store.read() as conn:
        assert accounts.owed(conn, "ant") == 10_000 * PRICE
    settled(store, tmp_path)
    assert instructed(store, 2) == []
    payout(store, "ant", PAYER, at=1)
    settled(store, tmp_path)
    assert instructed(store, 2) == [("run-2-ant", "sepa", 3 * CENT, "pending")]
    assert verify_books(store, GATEWAY.public).discrepancies == []


@pytest.mark.threat("O6", "C2")
def test_who_lost_the_payout_account_before_instructions_were_written_is_not_paid(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.settlement import run

    fleet = Fleet(store)
    payout(store, "ant", PAYER)
    payout(store, "bee", PAYEE)
    fleet.mark(fleet.open("ant", "bee"), 10_000)

    class CutOff(Exception):
        """The process ends between the two transactions."""

    def cut(*_given: object) -> None:
        raise CutOff

    with monkeypatch.context() as patched:
        patched.setattr(run, "_instruct", cut)
        with pytest.raises(CutOff):
            settled(store, tmp_path)
    with store.write() as conn:
        conn.execute(
            update(payout_accounts.table)
            .where(payout_accounts.table.c.account_id == "ant")
            .values(state="retired", ended_by="two", ended_at=5)
        )
        conn.execute(
            update(payout_accounts.table)
            .where(payout_accounts.table.c.account_id == "bee")
            .values(details=json.dumps(PAYEE | {"iban": "FI2112345600000785"}))
        )
    rails = {"sepa": sepa(tmp_path)}
    run_settlement(store, "EUR", GATEWAY.sign, "sepa", rails=rails)
    assert [(row[0], row[3]) for row in instructed(store)] == [
        ("run-1-ant", "failed"),
        ("run-1-bee", "pending"),
    ]
    with store.read() as conn:
        assert accounts.owed(conn, "ant") == 10_000 * PRICE
        (bee,) = [row for row in of_run(conn, 1) if row.account_id == "bee"]
        assert json.loads(bee.destination)["iban"] == "FI2112345600000785"
    assert submit_pending(store, rails["sepa"]) == 1
    assert [each.id for each in rails["sepa"].handed_over()] == ["run-1-bee"]
    assert verify_books(store, GATEWAY.public).discrepancies == []


@pytest.mark.threat("O6")
def test_a_later_change_leaves_what_is_under_way_as_it_was(store: Store, tmp_path: Path) -> None:
    fleet = Fleet(store)
    payout(store, "ant", PAYER)
    payout(store, "bee", PAYEE)
    fleet.mark(fleet.open("ant", "bee"), 10_000)
    settled(store, tmp_path)
    payout(store, "bee", PAYEE | {"iban": "FI2112345600000785"}, at=1)
    submit_pending(store, sepa(tmp_path))
    text = (tmp_path / "run-1-pay.xml").read_text()
    assert PAYEE["iban"] in text
    assert "FI2112345600000785" not in text


def test_a_rail_that_is_not_set_up_stops_the_run_before_it_begins(
    store: Store, tmp_path: Path
) -> None:
    from gateway.settlement.rails.registry import Rails

    fleet = Fleet(store)
    payout(store, "ant", PAYER)
    fleet.mark(fleet.open("ant", "bee"), 10_000)
    rails = Rails("manual", tmp_path, {})
    with pytest.raises(RailError, match=r"rails\.sepa\.name: is needed"):
        run_settlement(store, "EUR", GATEWAY.sign, "manual", rails=rails)
    assert instructed(store) == []


@pytest.mark.parametrize(
    ("due", "movable"),
    [
        (0, 0),
        (9_999, 0),
        (-9_999, 0),
        (10_000, 10_000),
        (-25_001, -20_000),
        (99_999_999_999 * CENT, 99_999_999_999 * CENT),
        (100_000_000_000 * CENT, 99_999_999_999 * CENT),
        (-(2**62), -99_999_999_999 * CENT),
    ],
)
def test_only_whole_quanta_move_and_towards_zero(tmp_path: Path, due: int, movable: int) -> None:
    rails = {"sepa": sepa(tmp_path)}
    chosen = {"ant": Destination("sepa", PAYER)}
    assert Destinations(chosen, "manual", rails, "EUR", 6).movable("ant", due) == movable
    assert Destinations(chosen, "manual", rails, "CHF", 6).movable("ant", due) == 0
    in_cents = Destinations(chosen, "manual", rails, "EUR", 2).movable("ant", due)
    assert in_cents == max(-99_999_999_999, min(due, 99_999_999_999))
    assert Destinations({}, "manual", rails, "EUR", 6).movable("ant", due) == due


@pytest.mark.threat("G7")
def test_what_exceeds_the_most_of_a_rail_is_left_for_the_next_run_and_said(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pain, "MOST", 2)
    fleet = Fleet(store)
    payout(store, "ant", PAYER)
    fleet.mark(fleet.open("ant", "bee"), 10_000)
    with capture_logs() as logs:
        settled(store, tmp_path)
    (said,) = [each for each in logs if each["log_level"] == "warning"]
    assert (said["account"], said["left"]) == ("ant", CENT)
    assert "the rest is in the next run" in said["event"]
    assert instructed(store)[0] == ("run-1-ant", "sepa", 2 * CENT, "pending")
    with capture_logs() as logs:
        settled(store, tmp_path)
    assert logs == []
    assert instructed(store, 2) == [("run-2-ant", "sepa", CENT, "pending")]
    assert submit_pending(store, sepa(tmp_path / "sepa")) == 2
    assert verify_books(store, GATEWAY.public).discrepancies == []
