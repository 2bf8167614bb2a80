"""The chart of accounts: the names of ledger accounts, and nothing else.

`payer:<id>` (debit: that account owes for what its devices used), `payee:<id>` (credit: owed to
it), `settling:<id>` (what a run made of both, until a rail has moved it), `rail:<name>` (what a
rail has moved).
"""

PAYER = "payer:"
PAYEE = "payee:"
SETTLING = "settling:"


def payer(account_id: str) -> str:
    """Where an account's use is debited."""
    return PAYER + account_id


def payee(account_id: str) -> str:
    """Where an account's supply is credited."""
    return PAYEE + account_id


def settling(account_id: str) -> str:
    """Where an account's net of a run waits for a rail."""
    return SETTLING + account_id


def rail(name: str) -> str:
    """What a rail has moved: debit for collected, credit for paid."""
    return "rail:" + name
