"""What a settlement run is of: which channels it cuts, and whose money it moves.

Whatever a run cuts is posted and netted for both of its sides. Money moves for those it is of; what
others are owed or owe by then is carried, as is what comes to less than the least amount that is
worth moving.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, TextClause, bindparam, insert, select, text

from gateway.store.schema import Base

schedule = Base.metadata.tables["schedule"]
run_account = Base.metadata.tables["run_account"]

ALL = "all"
"""Every channel and every account of a currency: what an operator asks for."""
CURRENCY = "currency"
"""Every channel of a currency, and every account that has no times of its own: what a currency's
schedule asks for. Accounts whose own time has come may be named besides."""
ACCOUNTS = "accounts"
"""The channels of the accounts that are named, and those accounts."""

MOST_NAMED = 10_000
"""How many accounts one run may name: databases take no more values in one statement."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run is of: one of ALL, CURRENCY and ACCOUNTS, and the accounts that it names."""

    kind: str = ALL
    accounts: tuple[str, ...] = ()

    def query(self, sql: str) -> TextClause:
        """SQL with `{scope}` where a condition on channels `c` is to stand; takes `given`."""
        if self.kind != ACCOUNTS:
            return text(sql.format(scope=""))
        either = " AND (c.payer_account IN :accounts OR c.payee_account IN :accounts)"
        return text(sql.format(scope=either)).bindparams(bindparam("accounts", expanding=True))

    def given(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """These parameters of a query, and its own."""
        return {**values, "accounts": self.accounts} if self.kind == ACCOUNTS else {**values}


EVERYTHING = Scope()


def keep(conn: Connection, run: int, scope: Scope) -> None:
    """Store which accounts a run names."""
    rows = [{"run": run, "account": account} for account in scope.accounts]
    if rows:
        conn.execute(insert(run_account), rows)


def kept(conn: Connection, run: int, kind: str) -> Scope:
    """The scope of a run of this kind."""
    query = select(run_account.c.account).where(run_account.c.run == run)
    return Scope(kind, tuple(sorted(conn.execute(query).scalars())))


@dataclass(frozen=True, slots=True)
class Moved:
    """Whose money a run moves: `timed` are accounts with times of their own, `least` and
    `least_of_all` what an account, and any other, must come to (atomic units)."""

    scope: Scope = EVERYTHING
    timed: frozenset[str] = frozenset()
    least: Mapping[str, int] = field(default_factory=dict)
    least_of_all: int = 0

    def moves(self, account: str, amount: int) -> bool:
        """Whether `amount` (above zero: to collect, below: to pay) is moved for an account."""
        if abs(amount) < self.least.get(account, self.least_of_all):
            return False
        if self.scope.kind == ALL or account in self.scope.accounts:
            return True
        return self.scope.kind == CURRENCY and account not in self.timed


def moved(conn: Connection, currency: str, scope: Scope) -> Moved:
    """Whose money a run of this scope moves, by what is scheduled now."""
    query = select(schedule).where(schedule.c.currency == currency)
    rows = conn.execute(query).all()
    own = [row for row in rows if row.account_id is not None]
    return Moved(
        scope,
        frozenset(row.account_id for row in own if row.cron),
        {row.account_id: int(row.least_amount) for row in own},
        next((int(row.least_amount) for row in rows if row.account_id is None), 0),
    )
