"""What is stored of the money that rails move, by plain SQL: instructions, deposits, withdrawals,
payout accounts and what banks told. Beside `books` the only place that knows tables and columns."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True)
class InstructionRow:
    """One movement of money that a rail is asked for, in one of two directions."""

    id: str
    account: str
    direction: str
    amount: int
    currency: str
    state: str
    rail: str
    destination: str

    @property
    def signed(self) -> int:
        """Above zero what it takes from the account, below zero what it gives to it."""
        return self.amount if self.direction == "collect" else -self.amount


@dataclass(frozen=True)
class DepositRow:
    """Money that an account has paid in; `reversed` if people have taken it back."""

    rail: str
    reference: str
    account: str
    amount: int
    currency: str
    reversed: bool


@dataclass(frozen=True)
class WithdrawalRow:
    """Deposits that an account asked back; `payout` is its instruction's state, if it has one."""

    number: int
    account: str
    amount: int
    currency: str
    state: str
    requested_by: str
    decided_by: str | None
    payout: str | None

    @property
    def held(self) -> bool:
        """Whether it still holds what it asked for."""
        return self.state == "requested" or self.payout in ("pending", "submitted")

    @property
    def paid(self) -> bool:
        """Whether the account has it back."""
        return self.payout == "done"


@dataclass(frozen=True)
class PayoutRow:
    """Where a rail may pay an account."""

    id: str
    account: str
    rail: str
    details: str
    state: str
    proposed_by: str
    approved_by: str | None
    active_from: int | None


@dataclass(frozen=True)
class BookingRow:
    """One line of a bank's, as it was taken in."""

    rail: str
    amount: int
    currency: str
    end_to_end: str
    text: str
    state: str
    note: str

    @property
    def is_duplicate(self) -> bool:
        """Whether people found that it is another one under a second name."""
        return self.state == "assigned" and self.note.startswith("is ")

    @property
    def was_owed(self) -> bool:
        """Whether people found that it went out for an account."""
        return self.state == "assigned" and self.amount < 0 and self.note.startswith("account ")


@dataclass(frozen=True)
class BackingRow:
    """What an account has locked with a rail, as the gateway saw it at a height."""

    rail: str
    account: str
    amount: int
    height: int


Row = TypeVar("Row")


def _read(conn: sqlite3.Connection, make: Callable[..., Row], query: str) -> list[Row]:
    return [make(*row) for row in conn.execute(query)]


def instructions(conn: sqlite3.Connection) -> dict[str, InstructionRow]:
    """All instructions by id."""
    query = (
        "SELECT id, account_id, direction, amount, currency, state, rail, destination"
        " FROM instruction"
    )
    return {row.id: row for row in _read(conn, InstructionRow, query)}


def deposits(conn: sqlite3.Connection) -> list[DepositRow]:
    """All deposits."""
    query = (
        "SELECT rail, reference, account_id, amount, currency, EXISTS (SELECT 1 FROM reversal r"
        " WHERE r.entry_seq = deposit.entry_seq AND r.state = 'posted') FROM deposit"
    )
    return _read(conn, DepositRow, query)


def bookings(conn: sqlite3.Connection) -> list[BookingRow]:
    """All lines that were taken in."""
    query = "SELECT rail, amount, currency, end_to_end, text, state, note FROM booking"
    return _read(conn, BookingRow, query)


def withdrawals(conn: sqlite3.Connection) -> dict[int, WithdrawalRow]:
    """All withdrawals by number."""
    query = (
        "SELECT w.number, w.account_id, w.amount, w.currency, w.state, w.requested_by,"
        " w.decided_by, i.state FROM withdrawal w LEFT JOIN instruction i"
        " ON i.withdrawal = w.number ORDER BY w.number"
    )
    return {row.number: row for row in _read(conn, WithdrawalRow, query)}


def payout_accounts(conn: sqlite3.Connection) -> dict[str, PayoutRow]:
    """All payout accounts by id."""
    query = (
        "SELECT id, account_id, rail, details, state, proposed_by, approved_by, active_from"
        " FROM payout_account"
    )
    return {row.id: row for row in _read(conn, PayoutRow, query)}


def backing(conn: sqlite3.Connection) -> list[BackingRow]:
    """What accounts have locked with rails."""
    return _read(conn, BackingRow, "SELECT rail, account_id, amount, height FROM backing")


def is_done(conn: sqlite3.Connection, instruction: str) -> bool:
    """Whether an instruction is recorded as done."""
    query = "SELECT state = 'done' FROM instruction WHERE id = ?"
    return bool(conn.execute(query, (instruction,)).fetchone()[0])


def reversers(conn: sqlite3.Connection) -> list[tuple[int, str, str]]:
    """Number, proposer and approver of each correction that was posted."""
    return conn.execute(
        "SELECT number, proposed_by, decided_by FROM reversal WHERE state = 'posted'"
    ).fetchall()


def same_place(one: str, other: str) -> bool:
    """Whether two details of where an account is paid are the same."""
    return bool(json.loads(one) == json.loads(other))
