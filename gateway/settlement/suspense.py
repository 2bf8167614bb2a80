"""What money without a known owner posts: pure values, no database.

It stands on `suspense:<rail>` until an operator says what it was for. Then that entry is undone by
another, and the money is posted as if it had been known: nothing is edited.
"""

from gateway.ledger import chart
from gateway.ledger.entry import Entry, Posting


def suspense_entry(
    booking: str, rail: str, currency: str, amount: int, memo: str, at: int
) -> Entry:
    """The entry of `amount` atomic units that came (above zero) or went, and nobody knows why."""
    postings = (
        Posting(chart.rail(rail), currency, amount),
        Posting(chart.suspense(rail), currency, -amount),
    )
    return Entry("suspense", f"suspense:{booking}", at, postings, memo)


def assigned_entry(
    booking: str, rail: str, currency: str, amount: int, memo: str, at: int
) -> Entry:
    """The entry that undoes a booking's suspense entry."""
    postings = (
        Posting(chart.suspense(rail), currency, amount),
        Posting(chart.rail(rail), currency, -amount),
    )
    return Entry("assigned", f"assigned:{booking}", at, postings, memo)


def paid_entry(
    booking: str, rail: str, account: str, currency: str, amount: int, memo: str, at: int
) -> Entry:
    """The entry of `amount` atomic units, above zero, that went out and were for an account: so
    much less is owed to it."""
    postings = (
        Posting(chart.payee(account), currency, amount),
        Posting(chart.rail(rail), currency, -amount),
    )
    return Entry("paid", f"paid:{booking}", at, postings, memo)
