"""How balances become net positions, and positions become journal entries: pure arithmetic.

No database and no signature here; `run` brings the numbers and stores what comes out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.ledger import chart
from gateway.ledger.entry import Entry, Posting


@dataclass(frozen=True, slots=True)
class Position:
    """One account in one run, in atomic units, over all its channels.

    `debits` it owes as a payer and `credits` it is owed as a payee, by this run's intervals;
    `carried` is what an earlier run could not move and was reopened (positive: it owes).
    """

    account: str
    debits: int
    credits: int
    carried: int

    @property
    def net(self) -> int:
        """Positive: to be collected from the account; negative: to be paid to it."""
        return self.debits - self.credits + self.carried


def positions(
    turnover: Mapping[str, tuple[int, int]], balances: Mapping[str, tuple[int, int]]
) -> list[Position]:
    """The position of each account that has any, by account.

    `turnover` maps an account to its (debits, credits) of the run's intervals; `balances` maps it
    to the balances of its payer and payee ledger accounts, which hold those and whatever was
    reopened. The nets of all accounts add up to zero if nothing was reopened.
    """
    found = []
    for account in sorted(turnover.keys() | balances.keys()):
        debits, credits = turnover.get(account, (0, 0))
        carried = sum(balances.get(account, (0, 0))) - (debits - credits)
        if debits or credits or carried:
            found.append(Position(account, debits, credits, carried))
    return found


def netting_entry(
    run: int, account: str, currency: str, payer: int, payee: int, at: int
) -> Entry | None:
    """The entry that empties an account's payer and payee balances into its settling account.

    None if both are zero. `at` is in Unix seconds.
    """
    lines = (
        (chart.payer(account), -payer),
        (chart.payee(account), -payee),
        (chart.settling(account), payer + payee),
    )
    postings = tuple(Posting(name, currency, amount) for name, amount in lines if amount)
    if not postings:
        return None
    return Entry("net", f"run:{run}:net:{account}", at, postings)
