"""Use cases on banks' files: taking one in, looking at what nobody knows, and saying what it was.

A file is taken in whole or not at all, and once.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from sqlalchemy import Connection, Row

from gateway.operations import bookings as rules
from gateway.operations import deposits
from gateway.operations.bookings import Taking
from gateway.operations.errors import BadInput
from gateway.operations.paging import Page, one_page
from gateway.settlement import instructions
from gateway.settlement.bank.files import read_bank_file
from gateway.settlement.bank.messages import BankFile, Booking, Report
from gateway.settlement.bank.xml import BankFileError
from gateway.settlement.rails import Rail, RailError
from gateway.settlement.suspense import assigned_entry, paid_entry
from gateway.store import accounts, audit, bookings, events, fence, journal, notices
from gateway.store.engine import Store
from gateway.store.errors import NotFound
from gateway.store.tables_bank import BankFile as FileRow

SEPA = "sepa"
MOST_PARTS = 1_000
"""How many instructions one booking may be of."""
_LIMIT = 2**63


class BankRail(Rail, Protocol):
    """A rail whose answers are files of a bank."""

    @property
    def iban(self) -> str:
        """The operator's account."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a file came to. `counts` are by `payment`, `return`, `deposit`, `suspense`, `failed`
    (payments that the bank refused), `pending` (that it has not decided), `known` (applied before),
    `unbooked` (not booked yet); all zero if the file itself is `known`."""

    id: str
    kind: str
    message: str
    known: bool
    counts: Counter[str] = field(default_factory=Counter)


def bank_rail(rail: Rail) -> BankRail:
    """The rail as one with a bank. Raises BadInput."""
    if not hasattr(rail, "iban"):
        raise BadInput("rail", f"{rail.name} has no account at a bank, whose files could be read")
    return cast(BankRail, rail)


def take_in(store: Store, rail: BankRail, content: bytes, by: str) -> Taken:
    """Take in a bank's file, all of it or nothing; again the same file changes nothing.

    Raises BankFileError naming the line and what would be right, RestoreFenced while restored books
    are not reconciled.
    """
    found = read_bank_file(content)
    id_ = hashlib.sha256(content).hexdigest()
    with store.write() as conn:
        fence.check(conn)
        journal.lock(conn)
        if bookings.is_file_known(conn, id_):
            return Taken(id_, found.kind, found.message, known=True)
        at = store.now(conn)
        bookings.add_file(
            conn,
            FileRow(
                id=id_, rail=rail.name, kind=found.kind, message=found.message, taken_by=by, at=at
            ),
        )
        taken = Taken(id_, found.kind, found.message, known=False)
        _apply(conn, rail, Taking(rail.name, id_, by, at), found, taken.counts)
        audit.record(conn, "bank.take_in", id_, after=dict(taken.counts) | {"rail": rail.name})
        notices.decided(conn)
        return taken


def _apply(
    conn: Connection, rail: BankRail, taking: Taking, found: BankFile, counts: Counter[str]
) -> None:
    for report in found.reports:
        _check_account(rail, report)
        counts["unbooked"] += report.others
        for each in report.bookings:
            amount = _amount(conn, rail, each)
            if amount == 0:
                continue
            if bookings.is_known(conn, each.reference):
                counts["known"] += 1
                continue
            counts[rules.apply(conn, taking, each, amount if each.credit else -amount)] += 1
    for verdict in found.verdicts:
        news, all_ = rules.judge(conn, taking, verdict)
        counts["failed"] += news
        if verdict.rejected:
            counts["known"] += all_ - news
        else:
            counts["pending"] += all_


def _check_account(rail: BankRail, report: Report) -> None:
    if report.iban != rail.iban:
        raise BankFileError(
            f"line {report.line}: Acct/Id/IBAN: must be {rail.iban}, the account of the rail "
            f"{rail.name}; is {report.iban}"
        )


def _amount(conn: Connection, rail: BankRail, each: Booking) -> int:
    """A booking's amount in atomic units. Raises BankFileError."""
    currency = each.amount.currency
    scale = accounts.scale_of(conn, currency)
    try:
        if scale is None:
            raise RailError(f"no account is in {currency}")
        rail.quantum(currency, scale)
    except RailError as error:
        raise BankFileError(f"line {each.line}: Amt: {error}") from error
    amount = each.amount.atomic(scale)
    if amount is None or amount >= _LIMIT:
        raise BankFileError(
            f"line {each.line}: Amt: must have at most {scale} decimals and be below 2^63 of them"
        )
    return amount


def unmatched(store: Store, *, after: str = "", limit: int = 100) -> Page[Row[Any]]:
    """Bookings of which nobody knows what they were for, by id."""
    with store.read() as conn:
        return one_page(lambda count: bookings.in_suspense(conn, after=after, limit=count), limit)


def scale_of(store: Store, currency: str) -> int:
    """The scale of a currency's accounts; 0 if there are none."""
    with store.read() as conn:
        return accounts.scale_of(conn, currency) or 0


def to_account(store: Store, booking: str, account_id: str, by: str) -> Row[Any]:
    """Say that a booking in suspense was an account's: what came in becomes its deposit, what went
    out was owed to it. `booking` is an id or its beginning. Raises NotFound, IllegalMove, BadInput
    for an account in another currency."""
    return to_several(store, booking, (), account_id, by)


def to_instruction(store: Store, booking: str, instruction_id: str, by: str) -> Row[Any]:
    """Say that a booking in suspense was an instruction's payment, or its return. Raises NotFound,
    IllegalMove, BadInput if it can't be, saying why."""
    return to_several(store, booking, (instruction_id,), None, by)


def to_several(
    store: Store, booking: str, of: Sequence[str], account_id: str | None, by: str
) -> Row[Any]:
    """Say that a booking in suspense was these instructions' payments or returns, of each all of
    its amount, and what they leave of it an account's money.

    They come to the booking's amount to the unit, or an account is named for the rest. Raises
    NotFound, IllegalMove, BadInput if it can't be so, saying why.
    """
    if len(set(of)) != len(of) or len(of) > MOST_PARTS:
        raise BadInput("instructions", f"must be at most {MOST_PARTS}, each named once")
    with store.write() as conn:
        row, at = _open(store, conn, booking)
        parts = [_part(conn, row, each) for each in of]
        rest = int(row.amount) - sum(amount for _, _, amount in parts)
        if rest * int(row.amount) < 0:
            raise BadInput("instructions", "come to more than what was booked")
        if (account_id is None) != (rest == 0):
            raise BadInput("account", f"must be named for the rest, which is {abs(rest)}")
        if account_id is not None:
            account = accounts.get(conn, account_id)
            if account.currency != row.currency:
                raise BadInput("account", f"must be in {row.currency}, is in {account.currency}")
        said = [f"{what} of {found.id}" for found, what, _ in parts]
        if account_id is not None:
            said.append(f"account {account_id}")
        _assign(conn, row, rules.listed(said), by, at)
        for found, what, _ in parts:
            rules.settle(conn, found, what, row.id, f"booked on {row.booked_on}, said by {by}", at)
        if account_id is not None:
            _to_account(conn, row, account_id, rest, by, at)
        return bookings.find(conn, row.id)


def _part(conn: Connection, row: Row[Any], instruction_id: str) -> tuple[Row[Any], str, int]:
    """An instruction that a booking is of, which of its payment and its return that is, and its
    amount, below zero if it went out."""
    query = instructions.instruction.select().where(
        instructions.instruction.c.id == instruction_id,
        instructions.instruction.c.rail == row.rail,
    )
    found = conn.execute(query).one_or_none()
    if found is None:
        raise NotFound(f"instruction {instruction_id}: unknown to the rail {row.rail}")
    forward = (row.amount > 0) == (found.direction == "collect")
    what = rules.PAYMENT if forward else rules.RETURN
    amount = int(found.amount) if row.amount > 0 else -int(found.amount)
    why = rules.unsuitable(conn, found, what, amount)
    if why:
        raise BadInput("instructions", why)
    return found, what, amount


def _to_account(
    conn: Connection, row: Row[Any], account_id: str, amount: int, by: str, at: int
) -> None:
    if amount > 0:
        deposits.deposit_in(conn, account_id, amount, row.rail, row.id, by, at, row.text)
    else:
        entry = paid_entry(row.id, row.rail, account_id, row.currency, -amount, f"by {by}", at)
        journal.append(conn, entry)


_DUPLICATE = "is "


def as_duplicate(store: Store, booking: str, of: str, by: str) -> Row[Any]:
    """Say that a booking in suspense is another one under a second name: it is taken back.

    Raises NotFound, IllegalMove, BadInput unless the other is as much, the same way.
    """
    with store.write() as conn:
        row, at = _open(store, conn, booking)
        other = bookings.find(conn, of)
        if other.id == row.id or (other.rail, other.amount, other.currency) != (
            row.rail,
            row.amount,
            row.currency,
        ):
            raise BadInput("duplicate_of", "must be another booking of the same amount and rail")
        if other.state == "assigned" and other.note.startswith(_DUPLICATE):
            # Or two that are each the other one again would both leave the books.
            raise BadInput("duplicate_of", f"is itself another one again, it {other.note}")
        _assign(conn, row, f"{_DUPLICATE}{other.id}", by, at)
        return bookings.find(conn, row.id)


def _open(store: Store, conn: Connection, booking: str) -> tuple[Row[Any], int]:
    fence.check(conn)
    journal.lock(conn)
    return bookings.find(conn, booking), store.now(conn)


def _assign(conn: Connection, row: Row[Any], note: str, by: str, at: int) -> None:
    bookings.assign(conn, row.id, note, by, at)
    before, after = {"state": row.state}, {"state": "assigned", "as": note}
    audit.record(conn, "bank.assign", row.id, before=before, after=after)
    events.note(conn, "booking.assigned", row.id)
    memo = f"{note}, by {by}"
    journal.append(conn, assigned_entry(row.id, row.rail, row.currency, int(row.amount), memo, at))
    notices.decided(conn)


def kinds(counts: Counter[str]) -> Sequence[tuple[str, int]]:
    """What a file came to, in the order in which people want it."""
    order = ("payment", "return", "deposit", "suspense", "failed", "pending", "known", "unbooked")
    return [(each, counts[each]) for each in order]
