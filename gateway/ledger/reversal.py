"""Corrections: which entries may be reversed, and by which entries. Pure values.

A reversing entry has the postings of the one that it undoes with their sides changed. Only entries
that people decide on may be reversed: what a run moved, and what a rail did with it, is undone by
what the rail says of it.
"""

from gateway.ledger import chart
from gateway.ledger.entry import Entry, Posting

REVERSIBLE = frozenset({"deposit", "interval"})
"""The kinds of entries that may be reversed."""


def reversing(entry: Entry, seq: int, at: int, reason: str) -> Entry:
    """The entry that undoes entry number `seq`, at Unix second `at`."""
    postings = tuple(Posting(each.account, each.currency, -each.amount) for each in entry.postings)
    return Entry("reversal", f"reversal:{seq}", at, postings, reason)


def overdrawn(account: str, currency: str, amount: int, seq: int, at: int) -> Entry:
    """The entry by which an account owes what reversing entry `seq` took of deposits that it had
    used already: `amount` atomic units."""
    postings = (
        Posting(chart.payer(account), currency, amount),
        Posting(chart.funds(account), currency, -amount),
    )
    return Entry("overdrawn", f"reversal:{seq}:overdrawn:{account}", at, postings)
