"""What must hold of the money that rails move: never twice, never more than was asked for or held,
and for each rail and account as much as the books say."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from simulator.world.movement import Movement
from simulator.world.oracle import books, books_money
from simulator.world.oracle.books import ChannelRow
from simulator.world.oracle.books_money import (
    BackingRow,
    BookingRow,
    DepositRow,
    InstructionRow,
    PayoutRow,
    WithdrawalRow,
)
from simulator.world.oracle.escrow import Escrow
from simulator.world.oracle.violation import Violation

_MAY_FOLLOW = {
    "pending": {"submitted", "done", "failed", "returned"},
    "submitted": {"done", "failed", "returned"},
    "done": {"returned"},
}
_DECIDED = {"requested": {"approved", "rejected"}}
_MANUAL = "manual"
_SEPA = "sepa"
_CENT = 10_000
"""What a bank can't move less than, in atomic units."""

Sums = dict[tuple[str, str], int]
"""Amounts by a name and a currency."""


@dataclass(frozen=True)
class _Standing:
    """All that is stored of money at one moment."""

    balances: Sums
    instructions: dict[str, InstructionRow]
    deposits: list[DepositRow]
    withdrawals: dict[int, WithdrawalRow]
    payouts: dict[str, PayoutRow]
    bookings: list[BookingRow]
    backing: list[BackingRow]


class Money:
    """What the rails told of their own books, and the checks of what the gateway made of it."""

    def __init__(self) -> None:
        self._paid: dict[str, Movement] = {}
        self._returned: set[str] = set()
        self._received: dict[tuple[str, str], Movement] = {}
        self._lines: Counter[tuple[str, int, str, str]] = Counter()
        self._mistaken: set[str] = set()
        self._before = _Standing({}, {}, [], {}, {}, [], [])
        self._channels: set[bytes] = set()
        self._escrows: dict[str, Escrow] = defaultdict(Escrow)

    # What it is told

    def paid(self, moved: Movement, reference: str) -> None:
        """9: a rail has done what an instruction asked, once. Raises Violation."""
        if reference in self._paid:
            raise Violation(9, f"{reference} was paid twice")
        self._paid[reference] = moved
        if moved.rail in self._escrows and moved.amount > 0:
            self._escrows[moved.rail].collected(reference, moved.account)

    def escrow_final(self, rail: str, height: int, locked: Mapping[str, int]) -> None:
        """What is locked with a rail is final at the next height. Raises Violation."""
        self._escrows[rail].final(height, locked)

    def returned(self, reference: str) -> None:
        """What a rail had moved came back."""
        self._returned.add(reference)

    def received(self, moved: Movement, reference: str) -> None:
        """Money came over a rail, or went, that nobody had instructed."""
        self._received[moved.rail, reference] = moved

    def booked(self, rail: str, amount: int, end_to_end: str, text: str) -> None:
        """A line of a bank's book."""
        self._lines[rail, amount, end_to_end, text] += 1

    def mistaken(self, reference: str) -> None:
        """People record a deposit that nobody paid."""
        self._mistaken.add(reference)

    # When it looks

    def check(
        self, conn: sqlite3.Connection, channels: dict[bytes, ChannelRow], at: int | None
    ) -> None:
        """Everything that must hold at every moment; `at` is the time by the gateway's clock, None
        if that does not matter. Raises Violation."""
        now = _Standing(
            books.balances(conn),
            books_money.instructions(conn),
            books_money.deposits(conn),
            books_money.withdrawals(conn),
            books_money.payout_accounts(conn),
            books_money.bookings(conn),
            books_money.backing(conn),
        )
        self._one_end(now)
        self._as_the_rails_did(now)
        self._as_paid_in(now)
        self._as_booked(now)
        self._by_two(conn, now)
        self._where_agreed(now, at)
        self._held(now)
        self._covered(conn, now, channels)
        self._by_rail(now)
        for rail, escrow in self._escrows.items():
            escrow.check(conn, [row for row in now.backing if row.rail == rail])
        self._before = now

    def _one_end(self, now: _Standing) -> None:
        """12: instructions and withdrawals end once, and change in nothing else."""
        for name, before in self._before.instructions.items():
            after = now.instructions.get(name)
            if after is None or replace(before, state=after.state) != after:
                raise Violation(12, f"instruction {name} was {before}, is {after}")
            if after != before and after.state not in _MAY_FOLLOW.get(before.state, ()):
                raise Violation(12, f"instruction {name} was {before.state}, is {after.state}")
        for number, was in self._before.withdrawals.items():
            row = now.withdrawals.get(number)
            if row is None or (row.account, row.amount) != (was.account, was.amount):
                raise Violation(12, f"withdrawal {number} was {was}, is {row}")
            if row.state != was.state and row.state not in _DECIDED.get(was.state, ()):
                raise Violation(12, f"withdrawal {number} was {was.state}, is {row.state}")

    def _as_the_rails_did(self, now: _Standing) -> None:
        """16: what rails moved was instructed, and is recorded as what they did."""
        for name, moved in self._paid.items():
            asked = now.instructions.get(name)
            if asked is None:
                raise Violation(16, f"the rail paid {name}, which nobody instructed")
            if moved != Movement(asked.rail, asked.account, asked.currency, asked.signed):
                raise Violation(16, f"the rail did {moved} for {name}, instructed: {asked}")
            if asked.state == "failed":
                raise Violation(16, f"{name} was paid and is recorded as failed")
        for name, asked in now.instructions.items():
            if asked.state in ("done", "returned") and name not in self._paid:
                raise Violation(16, f"{name} is {asked.state}, and no rail has paid it")
            if asked.state == "returned" and name not in self._returned:
                raise Violation(16, f"{name} is returned, and no rail has brought it back")

    def _as_paid_in(self, now: _Standing) -> None:
        """16: what people record is what came, but for what they record by mistake."""
        for row in now.deposits:
            if row.rail != _MANUAL or row.reference in self._mistaken:
                continue
            came = self._received.get((row.rail, row.reference))
            if came != Movement(row.rail, row.account, row.currency, row.amount):
                raise Violation(16, f"deposit {row.reference} is {row}, the rail has {came}")

    def _as_booked(self, now: _Standing) -> None:
        """9, 16: each line of a bank's is applied once, under however many names it was told."""
        applied: Counter[tuple[str, int, str, str]] = Counter()
        for row in now.bookings:
            line = (row.rail, row.amount, row.end_to_end, row.text)
            if not self._lines[line]:
                raise Violation(16, f"booking {row} is in no bank's book")
            if not (row.is_duplicate or row.state == "suspense"):
                applied[line] += 1
        for line, count in applied.items():
            if count > self._lines[line]:
                raise Violation(9, f"{line} was applied {count} times")

    def _by_two(self, conn: sqlite3.Connection, now: _Standing) -> None:
        """17: what takes two people was decided by two."""
        for payout in now.payouts.values():
            if payout.approved_by == payout.proposed_by:
                raise Violation(17, f"payout account {payout.id} is {payout.proposed_by}'s alone")
        for row in now.withdrawals.values():
            if row.state == "approved" and row.decided_by == row.requested_by:
                raise Violation(17, f"withdrawal {row.number} is {row.requested_by}'s alone")
        for number, proposed_by, decided_by in books_money.reversers(conn):
            if proposed_by == decided_by:
                raise Violation(17, f"reversal {number} is {proposed_by}'s alone")

    def _where_agreed(self, now: _Standing, at: int | None) -> None:
        """17: money goes where two people decided, after it has cooled and before it is retired."""
        for name, asked in now.instructions.items():
            if name in self._before.instructions or asked.state == "failed":
                continue
            if asked.destination == "{}":
                continue
            if not any(self._is_agreed(asked, each, at) for each in now.payouts.values()):
                raise Violation(17, f"{name} goes to {asked.destination}, which is not agreed on")

    def _is_agreed(self, asked: InstructionRow, payout: PayoutRow, at: int | None) -> bool:
        if (payout.account, payout.rail) != (asked.account, asked.rail):
            return False
        if not books_money.same_place(payout.details, asked.destination):
            return False
        before = self._before.payouts.get(payout.id, payout)
        cooled = payout.active_from is not None and (at is None or payout.active_from <= at)
        return cooled and before.state != "retired"

    def _held(self, now: _Standing) -> None:
        """4: what withdrawals hold is there, and nothing else has taken it."""
        held: Sums = defaultdict(int)
        for row in now.withdrawals.values():
            held[row.account, row.currency] += row.amount if row.held else 0
        for (name, currency), amount in now.balances.items():
            if name.startswith("funds:") and amount > 0:
                raise Violation(4, f"{name}: {amount} more was taken than paid in")
            if name.startswith("rounding:") or name.startswith("clearing:"):
                raise Violation(1, f"{name}: {amount} {currency} that nobody answers for")
        for (account, currency), amount in held.items():
            there = -now.balances.get((f"funds:{account}", currency), 0)
            if there < amount:
                raise Violation(4, f"account {account}: {amount} is held, {there} is there")

    def _covered(
        self, conn: sqlite3.Connection, now: _Standing, channels: dict[bytes, ChannelRow]
    ) -> None:
        """4: whoever opens a channel or asks deposits back has limit and deposits for all of it."""
        opened = {
            (row.payer, row.currency)
            for id_, row in channels.items()
            if id_ not in self._channels and row.mirror_of is None
        }
        asked = {
            (row.account, row.currency)
            for number, row in now.withdrawals.items()
            if number not in self._before.withdrawals
        }
        self._channels.update(channels)
        limits = books.credit_limits(conn) if opened or asked else {}
        for account, currency in sorted(opened | asked):
            held = sum(
                row.amount
                for row in now.withdrawals.values()
                if row.held and row.account == account
            )
            could = sum(
                row.capacity - row.settled_amount
                for row in channels.values()
                if row.payer == account and row.state != "closed"
            )
            owed = sum(_standing(now.balances, account, currency))
            backed = sum(row.amount for row in now.backing if row.account == account)
            if limits[account] + backed < owed + could + held:
                raise Violation(
                    4, f"account {account}: {owed} owed, {could} reserved, {held} asked back"
                )

    def _by_rail(self, now: _Standing) -> None:
        """1, 16: the rails' and suspense accounts are what was moved over them."""
        moved: Sums = defaultdict(int)
        for asked in now.instructions.values():
            if asked.state == "done":
                moved[f"rail:{asked.rail}", asked.currency] += asked.signed
        for row in now.deposits:
            moved[f"rail:{row.rail}", row.currency] += 0 if row.reversed else row.amount
        for line in now.bookings:
            if line.state == "suspense":
                moved[f"suspense:{line.rail}", line.currency] -= line.amount
            if line.state == "suspense" or line.was_owed:
                moved[f"rail:{line.rail}", line.currency] += line.amount
        kept = {
            key: amount
            for key, amount in now.balances.items()
            if key[0].startswith(("rail:", "suspense:"))
        }
        expected = {key: amount for key, amount in moved.items() if amount}
        if kept != expected:
            wrong = sorted(kept.items() ^ expected.items())[0][0]
            raise Violation(
                16, f"{wrong}: {kept.get(wrong, 0)} is posted, {expected.get(wrong, 0)} was moved"
            )

    # When all is at rest

    def check_settled(self, usage: Sums) -> None:
        """16: each rail has moved what its ledger account says, and each account has paid what its
        channels come to (`usage`, above zero: it owes), its deposits and less than a cent aside.
        Raises Violation."""
        now = self._before
        for asked in now.instructions.values():
            if asked.state != self._did(asked.id):
                raise Violation(16, f"{asked} is not what the rail did: {self._did(asked.id)}")
        moved: Sums = defaultdict(int)
        by_rail: Sums = defaultdict(int)
        for each in self._all_moved():
            moved[each.account, each.currency] += each.amount
            by_rail[f"rail:{each.rail}", each.currency] += each.amount
        posted = {key: now.balances.get(key, 0) for key in by_rail}
        if posted != by_rail:
            raise Violation(16, f"the rails have moved {dict(by_rail)}, posted: {posted}")
        for name, currency in now.balances:
            if name.startswith(("suspense:", "settling:")):
                raise Violation(16, f"{name}: {currency} that nobody has decided on")
        for rail, escrow in self._escrows.items():
            escrow.check_settled([row for row in now.backing if row.rail == rail])
        coarse = {row.account for row in now.payouts.values() if row.rail == _SEPA}
        for account, currency in sorted({*usage, *moved}):
            owed, funds = _standing(now.balances, account, currency)
            paid = moved.get((account, currency), 0)
            if paid + owed + funds != usage.get((account, currency), 0):
                raise Violation(
                    16,
                    f"account {account}: {usage.get((account, currency), 0)} used, {paid} paid, "
                    f"{owed} owed, {-funds} of deposits left",
                )
            if abs(owed) >= (_CENT if account in coarse else 1) or (owed > 0 and funds):
                raise Violation(16, f"account {account}: {owed} is left, with {-funds} of deposits")

    def _did(self, reference: str) -> str:
        if reference in self._returned:
            return "returned"
        return "done" if reference in self._paid else "failed"

    def _all_moved(self) -> Iterable[Movement]:
        yield from (each for name, each in self._paid.items() if name not in self._returned)
        yield from self._received.values()


def _standing(balances: Sums, account: str, currency: str) -> tuple[int, int]:
    """What an account owes (below zero: is owed), and what is left of its deposits (below zero)."""
    names = ("payer:", "payee:", "fees:", "settling:")
    owed = sum(balances.get((name + account, currency), 0) for name in names)
    return owed, balances.get((f"funds:{account}", currency), 0)
