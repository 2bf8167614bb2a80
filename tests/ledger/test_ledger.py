"""The ledger's values: what may not exist, and what a chain notices."""

import dataclasses

import pytest

from gateway.ledger import chain
from gateway.ledger.entry import Entry, EntryError, Posting, trial_balance

GOOD = (Posting("payer:a", "EUR", 5), Posting("payee:b", "EUR", -5))


@pytest.mark.parametrize("amount", [0, True, 1.0, "1", 2**63, -(2**63)])
def test_postings_refuse_amounts_that_are_no_money(amount: object) -> None:
    with pytest.raises(EntryError):
        Posting("payer:a", "EUR", amount)  # type: ignore[arg-type]


def test_entries_refuse_what_does_not_balance_in_each_currency() -> None:
    with pytest.raises(EntryError):
        Entry("x", "r", 0, ())
    with pytest.raises(EntryError):
        Entry("x", "r", 0, GOOD[:1])
    with pytest.raises(EntryError):
        Entry("x", "r", 0, GOOD[1:])
    with pytest.raises(EntryError):
        Entry("x", "r", 0, (Posting("a", "EUR", 5), Posting("b", "USD", -5)))
    assert trial_balance(Entry("x", "r", 0, GOOD).postings) == {"EUR": 0}


@pytest.mark.threat("O9")
def test_the_chain_goes_elsewhere_from_any_entry_that_was_altered() -> None:
    entry = Entry("x", "r", 2, GOOD, "memo")
    head = chain.link(chain.START, entry)
    assert chain.link(head, entry) != head
    for change in (
        {"kind": "y"},
        {"memo": "another"},
        {"at": 9},
        {"reference": "other"},
        {"postings": GOOD[::-1]},
        {"postings": (Posting("payer:a", "EUR", 6), Posting("payee:b", "EUR", -6))},
        {"postings": (Posting("payer:a", "EUR", -5), Posting("payee:b", "EUR", 5))},
    ):
        altered = dataclasses.replace(entry, **change)  # type: ignore[arg-type]
        assert chain.link(chain.START, altered) != head
