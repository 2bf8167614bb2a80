"""What deposits and withdrawals post: pure values, no database."""

from gateway.ledger import chart
from gateway.ledger.entry import Entry, Posting


def deposit_entry(
    account: str, currency: str, amount: int, rail: str, reference: str, at: int
) -> Entry:
    """The entry of `amount` atomic units that came over a rail, under the rail's reference for it.

    `at` is in Unix seconds. No word of whoever paid stands in it: the journal is never changed.
    """
    postings = (
        Posting(chart.rail(rail), currency, amount),
        Posting(chart.funds(account), currency, -amount),
    )
    return Entry("deposit", f"deposit:{rail}:{reference}", at, postings)


def withdrawal_entry(
    number: int, account: str, currency: str, amount: int, rail: str, at: int
) -> Entry:
    """The entry of `amount` atomic units that go back to an account, pending until a rail moved
    them."""
    postings = (
        Posting(chart.funds(account), currency, amount),
        Posting(chart.rail(rail), currency, -amount),
    )
    return Entry("withdrawal", f"withdrawal:{number}", at, postings)


def returned_entry(
    instruction: str, account: str, currency: str, amount: int, rail: str, at: int, memo: str
) -> Entry:
    """The entry of a withdrawal that a rail had moved and brought back: deposits again."""
    postings = (
        Posting(chart.rail(rail), currency, amount),
        Posting(chart.funds(account), currency, -amount),
    )
    return Entry("returned", f"returned:{instruction}", at, postings, memo)
