"""What a journal entry is: a balanced set of postings, or nothing.

Values and the checks that make an unbalanced entry impossible. Storing is in
`gateway.store.journal`, what an entry is for is decided in `gateway.settlement`.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

LIMIT = 2**63
"""Every amount is below this, in atomic units of its currency."""


class EntryError(ValueError):
    """An entry or posting that may not exist; the text names the field and what would be right."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One line: `amount` atomic units of `currency`, positive for a debit, negative for a credit.

    Raises EntryError for an amount that is no int, is zero, or is 2^63 or more either way.
    """

    account: str
    currency: str
    amount: int

    def __post_init__(self) -> None:
        if type(self.amount) is not int:
            raise EntryError(f"posting amount: must be an int, not {type(self.amount).__name__}")
        if self.amount == 0 or not -LIMIT < self.amount < LIMIT:
            raise EntryError("posting amount: must be nonzero and below 2^63 either way")
        if not self.account or not self.currency:
            raise EntryError("posting: account and currency must be named")


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal entry, balanced in each currency.

    `kind` is the sort of event, `reference` names that event uniquely (so that it can't be posted
    twice), `at` is in Unix seconds, `memo` is text that the hash chain covers. Raises EntryError.
    """

    kind: str
    reference: str
    at: int
    postings: tuple[Posting, ...]
    memo: str = ""

    def __post_init__(self) -> None:
        if not self.kind or not self.reference:
            raise EntryError("entry: kind and reference must be named")
        if type(self.at) is not int or not 0 <= self.at < LIMIT:
            raise EntryError("entry at: must be Unix seconds, 0 to 2^63-1")
        if not self.postings:
            raise EntryError(f"entry {self.reference}: must have postings")
        for currency, total in trial_balance(self.postings).items():
            if total:
                raise EntryError(
                    f"entry {self.reference}: {currency} debits exceed credits by {total}"
                )
            if _debits(self.postings, currency) >= LIMIT:
                raise EntryError(
                    f"entry {self.reference}: its {currency} debits must add up to below 2^63"
                )


def _debits(postings: Iterable[Posting], currency: str) -> int:
    return sum(each.amount for each in postings if each.currency == currency and each.amount > 0)


def trial_balance(postings: Iterable[Posting]) -> dict[str, int]:
    """The sum of postings for each currency seen; zero for each in books that balance."""
    totals: defaultdict[str, int] = defaultdict(int)
    for posting in postings:
        totals[posting.currency] += posting.amount
    return dict(totals)
