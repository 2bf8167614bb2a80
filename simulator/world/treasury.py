"""Two people who decide on money: deposits and their correction, payout accounts, withdrawals.

ANN asks and BEN approves; where ANN would do both she must be refused. Each method is one command,
in a process of its own, which may be killed.
"""

import sqlite3
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from gateway.operations import accounts, books, deposits, payout_accounts, settlement, withdrawals
from gateway.operations.principal import SamePerson
from gateway.store.engine import Store
from gateway.store.errors import Conflict
from simulator.world.bank import NAME as BANK
from simulator.world.broken import Broken
from simulator.world.operator import Operator, Step
from simulator.world.rail import NAME as MANUAL
from simulator.world.rail import SimulatedRail
from simulator.world.storage import Traps
from simulator.world.watch import Watch

ANN, BEN = "token:ann", "token:ben"


class Treasury:
    """Whoever answers for the money of a gateway."""

    def __init__(
        self,
        operator: Operator,
        rail: SimulatedRail,
        watch: Watch,
        read: Callable[[], sqlite3.Connection],
    ) -> None:
        self._operator = operator
        self._read = read
        self._rail = rail
        self._watch = watch
        self._trap: Callable[[Traps], None] | None = None
        self._approved: tuple[str, Step] | None = None
        self._paid_in = 0
        self.mistaken: list[str] = []
        """References of deposits that nobody paid and that are to be reversed."""

    def kill_next(self, point: str, after: int) -> None:
        """The next decision on money is killed at a trap's point, after so many of its kind."""
        self._trap = lambda traps: traps.set(point, after)

    def decide(self, name: str, step: Step) -> bool:
        """One decision on money; whether it was done."""
        trap, self._trap = self._trap, None
        return self._operator.act(name, step, trap or (lambda _traps: None), "money_killed")

    def must_be_refused(self, kind: str, name: str, step: Step, how: type[Exception]) -> None:
        """Try what nobody may do. Raises Broken if it was done."""
        if self.decide(name, step):
            raise Broken(9, f"{kind}: {name} was done")
        if isinstance(self._operator.refusal, how):
            self._watch.faults.took_effect(kind)

    # Deposits

    def deposit(self, account: str, currency: str, amount: int, reference: str) -> None:
        """An account pays in over the manual rail, once under each reference, and somebody records
        what was told to him."""
        came = self._rail.receive(account, currency, amount, reference)
        known = reference in self.rows("deposit", "reference")

        def step(store: Store) -> None:
            deposits.deposit(store, account, amount, MANUAL, reference, ANN)

        if known and (came.account, came.amount) != (account, amount):
            self.must_be_refused("deposit_contradicted", "deposit", step, Conflict)
        elif (came.account, came.amount) != (account, amount):
            # Nobody can tell what is wrong before it is recorded right.
            self.deposit(came.account, came.currency, came.amount, reference)
        elif self.decide("deposit", step) and known:
            self._watch.faults.took_effect("deposit_repeated")

    def pay_in(self, account: str, amount: int) -> None:
        """An account pays in so much, which is recorded."""
        self._paid_in += 1
        currency = self.rows("account", "id")[account].currency
        self.deposit(account, currency, amount, f"advance {self._paid_in}")

    def deposit_by_mistake(self, account: str, amount: int) -> None:
        """Somebody records what nobody paid."""
        reference = f"mistake {len(self.mistaken) + 1}"
        self._watch.declared("mistaken", reference)
        self.mistaken.append(reference)

        def step(store: Store) -> None:
            deposits.deposit(store, account, amount, MANUAL, reference, ANN)

        self.decide("deposit_by_mistake", step)

    def reversed(self, *states: str) -> set[int]:
        """The entries whose reversal is posted, or in one of these states."""
        rows = self.rows("reversal", "number").values()
        return {row.entry_seq for row in rows if row.state in (states or ("posted",))}

    def propose_reversal(self) -> bool:
        """Propose to reverse the oldest mistake for which nobody has."""
        proposed = self.reversed("proposed", "posted")
        known = self.rows("deposit", "reference")
        for reference in self.mistaken:
            row = known.get(reference)
            if row is not None and row.entry_seq not in proposed:
                return self.reverse(row.entry_seq)
        return False

    def reverse(self, entry: int) -> bool:
        """Propose to reverse a journal entry."""
        return self.decide(
            "propose_reversal",
            lambda store: books.propose_reversal(store, entry, "nobody paid it", ANN),
        )

    def approve_reversal(self, *, alone: bool) -> bool:
        """Approve the oldest proposal of a reversal, as BEN or (`alone`) as who made it."""
        waiting = [
            row for row in self.rows("reversal", "number").values() if row.state == "proposed"
        ]
        if not waiting:
            return False
        number = waiting[0].number
        if self.approve(
            "approve_reversal", lambda store, by: books.approve_reversal(store, number, by), alone
        ):
            self._watch.faults.took_effect("deposit_reversed")
            return True
        return False

    def approve(self, name: str, step: Callable[[Store, str], object], alone: bool) -> bool:
        """Let BEN approve what ANN asked for, or (`alone`) herself, which must be refused."""
        if alone:
            self.must_be_refused("approved_alone", name, lambda store: step(store, ANN), SamePerson)
            return False
        done = self.decide(name, lambda store: step(store, BEN))
        if done:
            self._approved = (name, lambda store: step(store, BEN))
        return done

    def approve_again(self) -> None:
        """BEN clicks again on what he approved last: it stays as it is."""
        if self._approved is not None and self.decide(*self._approved):
            self._watch.faults.took_effect("double_click")

    # Payout accounts

    def propose_payout(self, account: str, rail: str, details: Mapping[str, str]) -> bool:
        """Propose where an account is to be paid."""
        return self.decide(
            "propose_payout",
            lambda store: payout_accounts.propose(
                store, self._operator.rails, account, rail, details, ANN
            ),
        )

    def approve_payout(self, *, alone: bool, cooling_s: int) -> bool:
        """Approve the oldest proposal of a payout account; it is in force after so long."""
        waiting = [
            row for row in self.rows("payout_account", "id").values() if row.state == "proposed"
        ]
        if not waiting:
            return False
        account, id_ = waiting[0].account_id, waiting[0].id
        return self.approve(
            "approve_payout",
            lambda store, by: payout_accounts.approve(store, account, id_, by, cooling_s),
            alone,
        )

    def retire_payout(self, account: str) -> bool:
        """Pay an account no more where it is paid."""
        active = [
            row.id
            for row in self.rows("payout_account", "id").values()
            if (row.state, row.account_id) == ("active", account)
        ]
        done = False
        for id_ in active:
            done = self.decide(
                "retire_payout",
                lambda store: payout_accounts.retire(store, account, id_, ANN),  # noqa: B023
            )
        if done:
            self._watch.faults.took_effect("payout_retired")
        return done

    def settle_and_retire(self, account: str, after: int) -> None:
        """Settle, and retire an account's payout account before transaction number `after + 1`."""
        self._in_run(after, "payout_retired_in_run", lambda: self.retire_payout(account))

    def settle_and_approve(self, after: int) -> None:
        """Settle, and approve the oldest proposal of a payout account, which is in force at once,
        before transaction number `after + 1`."""
        self._in_run(
            after,
            "payout_agreed_in_run",
            lambda: self.approve_payout(alone=False, cooling_s=0),
        )

    def _in_run(self, after: int, kind: str, decide: Callable[[], bool]) -> None:
        def act() -> None:
            posted = [row for row in self.rows("run", "number").values() if row.state == "posted"]
            if decide() and posted:
                self._watch.faults.took_effect(kind)

        self._operator.settle_while(act, after)

    # Withdrawals

    def withdraw(self, account: str, amount: int, rail: str) -> bool:
        """Ask so much of an account's deposits back; all that is free if `amount` is 0."""
        free: list[int] = []

        def look(store: Store) -> None:
            standing = accounts.show(store, account)
            free.append(max(0, min(standing.free, standing.funds.free_credit)))

        if not self._operator.act("", look):
            return False
        asked = amount or free[0] // 10_000 * 10_000

        def step(store: Store) -> None:
            withdrawals.request(store, self._operator.rails, account, asked, rail, ANN)

        if asked > free[0]:
            self.must_be_refused("withdrawal_too_large", "withdraw", step, Conflict)
            return False
        return self.decide("withdraw", step)

    def approve_withdrawal(self, *, alone: bool) -> bool:
        """Approve the oldest withdrawal that waits, and hand it to its rail."""
        row = self._waiting_withdrawal()
        if row is None:
            return False

        def step(store: Store, by: str) -> None:
            withdrawals.approve(store, row.account_id, row.number, by)
            settlement.hand_over(store, self._operator.rails)

        return self.approve("approve_withdrawal", step, alone)

    def refuse_withdrawal(self) -> bool:
        """Another person refuses the oldest withdrawal that waits."""
        row = self._waiting_withdrawal()
        if row is None:
            return False
        done = self.decide(
            "refuse_withdrawal",
            lambda store: withdrawals.reject(store, row.account_id, row.number, BEN),
        )
        if done:
            self._watch.faults.took_effect("withdrawal_refused")
        return done

    def _waiting_withdrawal(self) -> Any:
        rows = self.rows("withdrawal", "number").values()
        return next((row for row in rows if row.state == "requested"), None)

    # After the trouble

    def put_right(self) -> None:
        """Record what nobody has, decide all that waits, reverse what was recorded by mistake, and
        let nobody be paid by a bank that can't collect from them."""
        self._trap = None
        known = self.rows("deposit", "reference")
        for reference, came in self._rail.received.items():
            if reference not in known:
                self.deposit(came.account, came.currency, came.amount, reference)
        for _ in range(100):
            done = (
                self.approve_payout(alone=False, cooling_s=0)
                or self.approve_withdrawal(alone=False)
                or self.refuse_withdrawal()
                or self.approve_reversal(alone=False)
                or self.propose_reversal()
            )
            if not done:
                break
        for row in self.rows("payout_account", "id").values():
            if (row.state, row.rail) == ("active", BANK) and "mandate" not in row.details:
                self.retire_payout(row.account_id)

    # Inside

    def rows(self, table: str, key: str) -> dict[Any, Any]:
        """All rows of a table by one of its columns, in its order."""
        conn = self._read()
        try:
            found = conn.execute(f"SELECT * FROM {table} ORDER BY {key}")  # noqa: S608
            names = [column[0] for column in found.description]
            rows = [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in found]
            return {getattr(row, key): row for row in rows}
        finally:
            conn.close()
