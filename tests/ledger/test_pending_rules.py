"""What is free of an account on which entries are pending."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger import pending
from gateway.ledger.entry import Entry, EntryError, Posting
from gateway.ledger.pending import Balance

AMOUNT = st.integers(-1000, 1000).filter(bool)


@given(st.integers(-5000, 5000), st.lists(AMOUNT, max_size=20))
def test_what_is_pending_counts_against_an_account_and_never_for_it(
    posted: int, amounts: list[int]
) -> None:
    found = pending.balance(posted, [Posting("funds:a", "EUR", each) for each in amounts])
    assert found.posted == posted
    assert found.posted + found.pending == posted + sum(amounts)
    # However the pending entries end, at least this much credit is left.
    worst = posted + sum(each for each in amounts if each > 0)
    assert found.free_credit == -worst


def test_an_entry_is_posted_as_it_was_reserved_but_for_its_time() -> None:
    lines = (Posting("funds:a", "EUR", 5), Posting("rail:m", "EUR", -5))
    entry = Entry("withdrawal", "w:1", 1, lines, "memo")
    assert pending.posted(entry, 9) == replace(entry, at=9)
    assert pending.balance(-5, lines[:1]) == Balance(-5, 5, 0)


def test_debits_of_one_currency_stay_below_the_limit() -> None:
    most = 2**63 - 1
    lines = tuple(Posting(name, "EUR", most) for name in "ab") + tuple(
        Posting(name, "EUR", -most) for name in "cd"
    )
    with pytest.raises(EntryError, match="debits must add up to below"):
        Entry("x", "r", 1, lines)
    Entry("x", "r", 1, (lines[0], lines[2]))
