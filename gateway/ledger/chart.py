"""The chart of accounts: the names of ledger accounts, and nothing else.

Debits are positive, credits negative. `payer:<id>` (debit: that account owes for what its devices
used), `payee:<id>` (credit: owed to it), `settling:<id>` (what a run made of both, until a rail has
moved it), `funds:<id>` (credit: its prepaid deposits, which the operator holds), `fees:<id>`
(credit: fees that it earned), `rail:<name>` (what a rail has moved: debit for collected),
`suspense:<rail>` (credit: came without a known owner).
"""

PAYER = "payer:"
PAYEE = "payee:"
SETTLING = "settling:"
FUNDS = "funds:"
FEES = "fees:"
RAIL = "rail:"
SUSPENSE = "suspense:"
OWED = (PAYER, PAYEE, FEES)
"""What an account's net in a run is made of."""


def payer(account_id: str) -> str:
    """Where an account's use is debited."""
    return PAYER + account_id


def payee(account_id: str) -> str:
    """Where an account's supply is credited."""
    return PAYEE + account_id


def settling(account_id: str) -> str:
    """Where an account's net of a run waits for a rail."""
    return SETTLING + account_id


def funds(account_id: str) -> str:
    """What an account has paid in advance: credit."""
    return FUNDS + account_id


def fees(account_id: str) -> str:
    """What an account earned by fees: credit."""
    return FEES + account_id


def rail(name: str) -> str:
    """What a rail has moved: debit for collected, credit for paid."""
    return RAIL + name


def suspense(rail_name: str) -> str:
    """What came over a rail and has no known owner: credit."""
    return SUSPENSE + rail_name
