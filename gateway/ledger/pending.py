"""Two-phase postings: a balanced entry is pending first, and then exactly one of posted or voided.

Pure rules. A pending entry is in no balance yet; what it would take from an account is held, and
what it would bring is not there to be used. A channel's own row is its reservation, and is not
written here again. Storing is in `gateway.store.pending`, the machine is `states.PENDING`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.ledger.entry import Entry, Posting


@dataclass(frozen=True, slots=True)
class Balance:
    """One ledger account in one currency, in atomic units.

    `posted` is the sum of its postings, positive for a debit. `debits` and `credits` are the sums
    of its pending postings of either side, both 0 or more.
    """

    posted: int = 0
    debits: int = 0
    credits: int = 0

    @property
    def pending(self) -> int:
        """What posting everything that is pending would add to `posted`."""
        return self.debits - self.credits

    @property
    def free_credit(self) -> int:
        """What may still be taken from an account that holds somebody's money, as a credit.

        Pending debits are taken already, pending credits are not there yet. Negative if more was
        taken than there is.
        """
        return -self.posted - self.debits


def balance(posted: int, pending: Iterable[Posting]) -> Balance:
    """An account's balance from what is posted on it and its pending postings."""
    debits = credits = 0
    for each in pending:
        if each.amount > 0:
            debits += each.amount
        else:
            credits -= each.amount
    return Balance(posted, debits, credits)


def posted(pending: Entry, at: int) -> Entry:
    """The journal entry that a pending one becomes when it is posted at Unix second `at`."""
    return replace(pending, at=at)
