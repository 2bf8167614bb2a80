"""How balances become net positions, and positions become journal entries: pure arithmetic.

No database and no signature here; `run` brings the numbers and stores what comes out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.ledger import chart
from gateway.ledger.entry import Entry, Posting


@dataclass(frozen=True, slots=True)
class Turnover:
    """What a run's intervals come to for one account, in atomic units.

    `debits` it owes as a payer and `credits` it is owed as a payee; `fees` it pays of its credits,
    or earns (negative).
    """

    debits: int = 0
    credits: int = 0
    fees: int = 0

    @property
    def net(self) -> int:
        """Positive: it owes; negative: it is owed."""
        return self.debits - self.credits + self.fees

    def __add__(self, other: "Turnover") -> "Turnover":
        return Turnover(
            self.debits + other.debits, self.credits + other.credits, self.fees + other.fees
        )


@dataclass(frozen=True, slots=True)
class Position:
    """One account in one run, in atomic units, over all its channels.

    `carried` is what earlier runs left or could not move, and was reopened (positive: it owes).
    `funds` is what of the net its deposits pay.
    """

    account: str
    turnover: Turnover
    carried: int
    funds: int = 0

    @property
    def net(self) -> int:
        """Positive: the account owes; negative: it is owed."""
        return self.turnover.net + self.carried

    @property
    def due(self) -> int:
        """What a rail is to move: positive is collected from the account, negative paid to it."""
        return self.net - self.funds


def positions(
    turnover: Mapping[str, Turnover],
    balances: Mapping[str, Mapping[str, int]],
    funds: Mapping[str, int] | None = None,
) -> list[Position]:
    """The position of each account that has any, by account.

    `balances` maps an account to its ledger accounts of `chart.OWED` with what is on them: this
    run's turnover and whatever was there before. `funds` maps it to what is free of its deposits.
    The nets of all accounts add up to zero if nothing was reopened.
    """
    free = {} if funds is None else funds
    found = []
    for account in sorted(turnover.keys() | balances.keys()):
        each = turnover.get(account, Turnover())
        net = sum(balances.get(account, {}).values())
        if each != Turnover() or net:
            taken = from_funds(net, free.get(account, 0))
            found.append(Position(account, each, net - each.net, taken))
    return found


def from_funds(net: int, free: int) -> int:
    """What of a net an account's deposits pay, of which `free` is not held for anything else.

    Deposits pay before anything is collected.
    """
    return max(0, min(net, free))


def netting_entry(
    run: int, account: str, currency: str, balances: Mapping[str, int], left: int, at: int
) -> Entry | None:
    """The entry that empties an account's `balances` (by ledger account) into its settling account,
    save for `left`, which it goes on owing as a payer (or is owed as a payee, below zero).

    None if nothing changes. `at` is in Unix seconds.
    """
    lines = {name: -amount for name, amount in sorted(balances.items())}
    lines[chart.settling(account)] = sum(balances.values()) - left
    keeper = chart.payer(account) if left > 0 else chart.payee(account)
    lines[keeper] = lines.get(keeper, 0) + left
    postings = tuple(Posting(name, currency, amount) for name, amount in lines.items() if amount)
    if not postings:
        return None
    return Entry("net", f"run:{run}:net:{account}", at, postings)


def funds_entry(run: int, each: Position, currency: str, at: int) -> Entry | None:
    """The entry by which an account's deposits pay what its settling account holds of them.

    None if they pay nothing. `at` is in Unix seconds.
    """
    if not each.funds:
        return None
    postings = (
        Posting(chart.funds(each.account), currency, each.funds),
        Posting(chart.settling(each.account), currency, -each.funds),
    )
    return Entry("funds", f"run:{run}:funds:{each.account}", at, postings)


def outcome_entry(
    instruction: str,
    account: str,
    rail: str,
    currency: str,
    owed: int,
    outcome: str,
    note: str,
    at: int,
) -> Entry:
    """The entry of what came of an instruction to move `owed` (above zero: to collect it).

    `done`: cleared against the rail. `failed`: owed again. `returned`: taken from the rail, and
    owed again, under a reference of its own.
    """
    moved, settling = chart.rail(rail), chart.settling(account)
    debt = chart.payer(account) if owed > 0 else chart.payee(account)
    to, of = {"done": (moved, settling), "failed": (debt, settling), "returned": (debt, moved)}[
        outcome
    ]
    postings = (Posting(to, currency, owed), Posting(of, currency, -owed))
    kind = "returned" if outcome == "returned" else "outcome"
    return Entry(kind, f"{kind}:{instruction}", at, postings, f"{outcome}: {note}")
