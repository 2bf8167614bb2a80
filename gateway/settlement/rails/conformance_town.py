"""A gateway's books for the conformance suite: accounts with debts, which a rail is to move."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from sqlalchemy import Connection, insert

from gateway.ledger import chart
from gateway.ledger.entry import Entry, Posting
from gateway.settlement import instructions as books
from gateway.settlement.rails import COLLECT, Instruction, Rail, reference_of
from gateway.settlement.run import run_settlement
from gateway.store import accounts, journal, payout_accounts
from gateway.store.engine import Store
from gateway.store.tables import Account

AT = 1_800_000_000
"""When everything here happens, in Unix seconds."""


class Died(BaseException):
    """The gateway's process has ended here."""


def need(true: object, what: str) -> None:
    """Raise AssertionError, saying what is wrong, unless it is so."""
    if not true:
        raise AssertionError(what)


class Suite(Protocol):
    """What a town asks of the suite that it is for."""

    currency: str
    scale: int

    def make_rail(self, folder: Path) -> Rail:
        """The rail."""

    def moved(self, folder: Path) -> Mapping[str, int]:
        """What was moved."""

    def tell(self, store: Store, folder: Path, outcomes: Mapping[str, str]) -> None:
        """What came of instructions."""

    def destination(self, direction: str, account: str) -> Mapping[str, str]:
        """Details with which the rail serves this direction."""

    def parties(self, rail: Rail) -> list[tuple[str, str]]:
        """Accounts, and which way their money goes."""


class Town:
    """A gateway's books, and a rail that serves them."""

    def __init__(self, suite: Suite, store: Store, folder: Path) -> None:
        self._suite = suite
        self._store = store
        self._folder = folder
        rail = suite.make_rail(folder)
        self.parties = suite.parties(rail)
        quantum = rail.quantum(suite.currency, suite.scale)
        self.amounts = {
            account: (quantum * (number + 1) * 1_000) * (1 if direction == COLLECT else -1)
            for number, (account, direction) in enumerate(self.parties)
        }
        with store.write() as conn:
            for account, direction in self.parties:
                self._open(conn, account)
                details = rail.check_destination(suite.destination(direction, account))
                conn.execute(insert(payout_accounts.table).values(_active(rail, account, details)))
            journal.append(conn, self._debts())

    def _open(self, conn: Connection, account: str) -> None:
        accounts.add(
            conn,
            Account(
                id=account,
                name=account.title(),
                currency=self._suite.currency,
                scale=self._suite.scale,
                credit_limit=0,
                created_at=AT,
            ),
        )

    def _debts(self) -> Entry:
        """What they owe and are owed, against somebody whom no rail is asked about."""
        lines = [
            Posting(
                chart.payer(account) if amount > 0 else chart.payee(account),
                self._suite.currency,
                amount,
            )
            for account, amount in self.amounts.items()
        ]
        rest = sum(self.amounts.values())
        if rest:
            lines.append(Posting("settling:others", self._suite.currency, -rest))
        return Entry("interval", "debts", AT, tuple(lines))

    def owe_more(self, account: str, amount: int) -> None:
        """Let an account owe, or be owed, so much more."""
        if not amount:
            return
        if self.amounts[account] < 0:
            debt = Posting(chart.payee(account), self._suite.currency, -amount)
        else:
            debt = Posting(chart.payer(account), self._suite.currency, amount)
        other = Posting("settling:others", self._suite.currency, -debt.amount)
        with self._store.write() as conn:
            journal.append(conn, Entry("interval", f"more:{account}", AT, (debt, other)))

    def settle(self) -> None:
        """A settlement run."""
        rail = self._suite.make_rail(self._folder)
        run_settlement(
            self._store,
            self._suite.currency,
            lambda _data: bytes(64),
            rail.name,
            rails={rail.name: rail},
        )

    def submit(self, *, dies: bool = False) -> None:
        """Hand over what waits, by a rail that a new process made; it may die after that."""
        rail = self._suite.make_rail(self._folder)
        books.submit_pending(self._store, cast(Rail, _Dying(rail)) if dies else rail)

    def learn(self, outcomes: Mapping[str, str]) -> None:
        """Let the rail answer, and record what it says."""
        self._suite.tell(self._store, self._folder, outcomes)
        books.ask(self._store, self._suite.make_rail(self._folder))

    def states(self) -> dict[str, str]:
        """The state of each instruction by id."""
        with self._store.read() as conn:
            return {row.id: row.state for row in conn.execute(books.instruction.select())}

    def owed(self) -> dict[str, int]:
        """What each party owes or (below zero) is owed, without those that are even."""
        with self._store.read() as conn:
            found = {name: accounts.owed(conn, name) for name, _direction in self.parties}
        return {name: amount for name, amount in found.items() if amount}

    def entries(self) -> list[Any]:
        """The journal."""
        with self._store.read() as conn:
            return list(journal.entries(conn))

    def rail_agrees(self) -> None:
        """The receiving end would move what is owed, once."""
        expected = {
            reference_of(f"run-1-{account}"): amount for account, amount in self.amounts.items()
        }
        moved = dict(self._suite.moved(self._folder))
        need(moved == expected, f"moved {moved}, owed {expected}")


def _active(rail: Rail, account: str, details: Mapping[str, str]) -> dict[str, object]:
    """A payout account's row, as two persons have made it."""
    return {
        "id": f"payout-{account}",
        "account_id": account,
        "rail": rail.name,
        "details": json.dumps(details),
        "state": "active",
        "proposed_by": "one",
        "proposed_at": 0,
        "approved_by": "another",
        "approved_at": 0,
        "active_from": 0,
    }


class _Dying:
    """A rail whose caller dies when it has handed over."""

    def __init__(self, rail: Rail) -> None:
        self._rail = rail

    def __getattr__(self, name: str) -> object:
        return getattr(self._rail, name)

    def submit(self, batch: str, instructions: Sequence[Instruction]) -> None:
        """Hand over, and die."""
        self._rail.submit(batch, instructions)
        raise Died
