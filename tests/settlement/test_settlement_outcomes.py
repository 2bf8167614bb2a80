"""Instructions on their way to a rail and back."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.documents.cells import decimal, safe_cell
from gateway.ledger.states import IllegalMove
from gateway.operations import settlement
from gateway.settlement import run as runs
from gateway.settlement.instructions import of_run, record_outcome, submit_pending
from gateway.settlement.rails import Instruction
from gateway.settlement.rails.manual import (
    ManualRail,
    Outcome,
    OutcomesError,
    read_outcomes,
)
from gateway.settlement.run import run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store import accounts, audit, journal
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound
from tests.settlement.fleet import GATEWAY, PRICE, Fleet


def settled(store: Store, units: int = 5) -> Fleet:
    fleet = Fleet(store)
    fleet.mark(fleet.open("ant", "bee"), units)
    run_settlement(store, "EUR", GATEWAY.sign, "manual")
    return fleet


def outcome(store: Store, name: str, what: str) -> bool:
    with store.write() as conn:
        return record_outcome(conn, name, what, "by hand", 50)


def test_instructions_are_written_once_as_exact_decimals(store: Store, tmp_path: Path) -> None:
    settled(store, 1_234_567)
    rail = ManualRail(tmp_path / "rail")
    assert submit_pending(store, rail) == 2
    assert submit_pending(store, rail) == 0
    with open(rail.path("run-1"), newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["account"], r["direction"], r["amount"], r["currency"]) for r in rows] == [
        ("ant", "collect", "3.703701", "EUR"),
        ("bee", "pay", "3.703701", "EUR"),
    ]
    assert [path.name for path in (tmp_path / "rail").iterdir()] == ["run-1.csv"]


def test_an_outcome_that_is_told_again_is_no_news_to_the_audit_log(
    store: Store, tmp_path: Path
) -> None:
    settled(store)
    submit_pending(store, ManualRail(tmp_path))
    told = [Outcome("run-1-ant", "done", "")]
    news = [settlement.record(store, told) for _ in range(2)]
    both = [*told, Outcome("run-1-bee", "failed", "closed")]
    news.append(settlement.record(store, both))
    with store.read() as conn:
        recorded = [each.subject for _, each, _ in audit.records(conn)]
    assert news == [1, 0, 1]
    assert recorded[-2:] == ["run-1-ant", "run-1-bee"]
    assert recorded.count("run-1-ant") == 1


@pytest.mark.threat("C2", "O4")
def test_a_crash_before_the_rail_is_recorded_writes_the_same_file_again(
    store: Store, tmp_path: Path
) -> None:
    settled(store)
    rail = ManualRail(tmp_path)

    class CutRail(ManualRail):
        def submit(self, batch: str, instructions: Sequence[Instruction]) -> None:
            super().submit(batch, instructions)
            raise ConnectionError("cut")

    with pytest.raises(ConnectionError):
        submit_pending(store, CutRail(tmp_path))
    first = rail.path("run-1").read_bytes()
    assert submit_pending(store, rail) == 2
    assert rail.path("run-1").read_bytes() == first


def test_done_clears_the_debt_and_completes_the_run(store: Store, tmp_path: Path) -> None:
    settled(store)
    submit_pending(store, ManualRail(tmp_path))
    assert outcome(store, "run-1-ant", "done")
    assert not outcome(store, "run-1-ant", "done")
    assert outcome(store, "run-1-bee", "done")
    with store.read() as conn:
        assert runs.get(conn, 1).state == "completed"
        assert accounts.owed(conn, "ant") == accounts.owed(conn, "bee") == 0
        assert journal.balance(conn, "rail:manual", "EUR") == 0
    assert verify_books(store, GATEWAY.public).discrepancies == []


@pytest.mark.threat("G7")
def test_failed_reopens_the_debt_for_the_next_run(store: Store, tmp_path: Path) -> None:
    settled(store)
    rail = ManualRail(tmp_path)
    submit_pending(store, rail)
    outcome(store, "run-1-ant", "failed")
    outcome(store, "run-1-bee", "done")
    with store.read() as conn:
        assert accounts.owed(conn, "ant") == 5 * PRICE
        assert journal.balance(conn, "rail:manual", "EUR") == -5 * PRICE
    again = run_settlement(store, "EUR", GATEWAY.sign, "manual")
    assert again is not None
    assert (again.run, again.collect, again.pay, again.channels) == (2, 5 * PRICE, 0, 0)
    assert verify_books(store, GATEWAY.public).discrepancies == []
    submit_pending(store, rail)
    outcome(store, "run-2-ant", "done")
    with store.read() as conn:
        assert journal.balance(conn, "rail:manual", "EUR") == 0
        assert accounts.owed(conn, "ant") == 0
    assert verify_books(store, GATEWAY.public).discrepancies == []


@pytest.mark.threat("G7")
def test_outcomes_that_contradict_or_come_too_early_are_refused(
    store: Store, tmp_path: Path
) -> None:
    settled(store)
    with pytest.raises(IllegalMove):
        outcome(store, "run-1-ant", "done")
    submit_pending(store, ManualRail(tmp_path))
    with pytest.raises(IllegalMove):
        outcome(store, "run-1-ant", "pending")
    outcome(store, "run-1-ant", "failed")
    with pytest.raises(Conflict):
        outcome(store, "run-1-ant", "done")
    with pytest.raises(NotFound):
        outcome(store, "run-9-ant", "done")
    with store.read() as conn:
        assert [row.state for row in of_run(conn, 1)] == ["failed", "submitted"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1: the header"),
        ("instruction,outcome\n", "line 1: the header"),
        ("instruction,outcome,note\na,done\n", "line 2: must have 3 cells"),
        ("instruction,outcome,note\na,done,x\nb,maybe,x\n", "line 3: outcome must be"),
        ("instruction,outcome,note\na,done,x\na,done,x\n", "line 3: instruction must be"),
        ('instruction,outcome,note\na,done,"x\n', "line 2: not CSV"),
        ("instruction,outcome,note\na,done,x\0\n", "line 2: must hold no character U.0000"),
        ("instruction,outcome,note\na\0,done,x\n", "line 2: must hold no character U.0000"),
    ],
)
@pytest.mark.threat("G7")
def test_outcome_files_are_refused_with_the_line(text: str, complaint: str) -> None:
    with pytest.raises(OutcomesError, match=complaint):
        list(read_outcomes(text))


@pytest.mark.threat("D15")
def test_formulas_are_defused_and_amounts_exact() -> None:
    """D15."""
    assert safe_cell("=1+1") == "'=1+1"
    assert safe_cell("plain") == "plain"
    assert [decimal(n, s) for n, s in ((1, 6), (1234567, 6), (5, 0), (2**62, 2))] == [
        "0.000001",
        "1.234567",
        "5",
        "46116860184273879.04",
    ]
