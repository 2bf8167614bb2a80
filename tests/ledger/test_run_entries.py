"""Entries of a run: what deposits pay, and what comes of an instruction, to the last posting."""

import pytest

from gateway.ledger.entry import Posting
from gateway.settlement.netting import Position, Turnover, funds_entry, outcome_entry


def test_a_rail_moves_what_deposits_do_not_pay() -> None:
    each = Position("ant", Turnover(30, 7, 2), 5, 10)
    assert (each.net, each.due) == (30, 20)


def test_deposits_pay_what_the_settling_account_holds() -> None:
    entry = funds_entry(3, Position("ant", Turnover(30), 0, 10), "EUR", 99)
    assert entry is not None
    assert (entry.kind, entry.reference, entry.at) == ("funds", "run:3:funds:ant", 99)
    assert entry.postings == (
        Posting("funds:ant", "EUR", 10),
        Posting("settling:ant", "EUR", -10),
    )
    assert funds_entry(3, Position("ant", Turnover(30), 0), "EUR", 99) is None


@pytest.mark.parametrize(
    ("owed", "outcome", "kind", "to", "of"),
    [
        (1, "done", "outcome", "rail:sepa", "settling:ant"),
        (-1, "done", "outcome", "rail:sepa", "settling:ant"),
        (1, "failed", "outcome", "payer:ant", "settling:ant"),
        (-1, "failed", "outcome", "payee:ant", "settling:ant"),
        (1, "returned", "returned", "payer:ant", "rail:sepa"),
        (-1, "returned", "returned", "payee:ant", "rail:sepa"),
    ],
)
def test_what_comes_of_an_instruction_is_posted_where_the_debt_then_stands(
    owed: int, outcome: str, kind: str, to: str, of: str
) -> None:
    entry = outcome_entry("run-1-ant", "ant", "sepa", "EUR", owed, outcome, "why", 7)
    assert (entry.kind, entry.reference, entry.at) == (kind, f"{kind}:run-1-ant", 7)
    assert entry.memo == f"{outcome}: why"
    assert entry.postings == (Posting(to, "EUR", owed), Posting(of, "EUR", -owed))
