"""What one booking of a bank, or its word on a payment, does to the books.

A booking is what was moved: it ends an instruction only if its amount is the instruction's, and
brings one back only if the bank says that it is a return, since anybody may write any reference
into a payment. Whatever fits nothing is kept in suspense, never guessed.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from gateway.ledger.states import IllegalMove
from gateway.operations import deposits
from gateway.settlement import instructions
from gateway.settlement.bank.messages import Booking, Verdict
from gateway.settlement.bank.xml import BankFileError
from gateway.settlement.rails import COLLECT
from gateway.settlement.rails.sepa.names import Part, part_of
from gateway.settlement.suspense import suspense_entry
from gateway.store import accounts, bookings, events, journal
from gateway.store import deposits as deposit_rows
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables_bank import Booking as BookingRow

PAYMENT, RETURN = "payment", "return"
MATCHED, SUSPENSE = "matched", "suspense"

_NAMED = re.compile(r"\btally-([a-z0-9-]{1,40})(?![a-z0-9-])", re.IGNORECASE)
_NOTE = 500


@dataclass(frozen=True, slots=True)
class Taking:
    """What a file is taken in by: over which rail, as which file, by whom, at which second."""

    rail: str
    file: str
    by: str
    at: int


def apply(conn: Connection, taking: Taking, each: Booking, amount: int) -> str:
    """Apply one booking of `amount` atomic units, above zero if it came in, which was not applied
    before; returns `payment`, `return`, `deposit` or `suspense`. Needs the journal's lock."""
    rows, what, why = _instructions(conn, taking.rail, each, amount)
    if rows:
        _keep(conn, taking, each, amount, MATCHED, f"{what} of {_named(rows)}")
        for row in rows:
            settle(conn, row, what, each.reference, _told(each), taking.at)
        return what
    account = None if each.returned or amount < 0 else _account(conn, each)
    if account is not None and _is_recorded(conn, taking.rail, each):
        account, why = None, f"a deposit is recorded under its end-to-end id, {each.end_to_end}"
    if account is not None:
        _keep(conn, taking, each, amount, MATCHED, f"deposit of {account}")
        deposits.deposit_in(
            conn,
            account,
            amount,
            taking.rail,
            each.reference,
            taking.by,
            taking.at,
            each.text[:_NOTE],
        )
        return "deposit"
    _keep(conn, taking, each, amount, SUSPENSE, why)
    entry = suspense_entry(
        each.reference, taking.rail, each.amount.currency, amount, why, taking.at
    )
    journal.append(conn, entry)
    told = {"amount": str(abs(amount)), "currency": each.amount.currency}
    events.note(conn, "booking.unmatched", each.reference, direction=_way(amount), **told)
    return SUSPENSE


def _way(amount: int) -> str:
    return "in" if amount > 0 else "out"


def settle(conn: Connection, row: Row[Any], what: str, booking: str, note: str, at: int) -> None:
    """Post that an instruction was paid, or came back, by a booking."""
    if row.state == "pending":
        # The bank has it, so it was handed over, and whoever did it died before saying so.
        instructions.handed_over(conn, row)
    outcome = "done" if what == PAYMENT else "returned"
    instructions.record_outcome(conn, row.id, outcome, note, at)
    bookings.add_match(conn, row.id, what, booking)


def unsuitable(conn: Connection, row: Row[Any], what: str, amount: int) -> str:
    """Why a booking of `amount` can't be an instruction's payment or return; "" if it can."""
    moved = int(row.amount) if row.direction == COLLECT else -int(row.amount)
    if amount != (moved if what == PAYMENT else -moved):
        return f"its amount is not that of {row.id}"
    if bookings.matched(conn, row.id, what):
        return f"{row.id} has its {what} already"
    if row.state == "failed":
        return f"{row.id} is recorded as failed"
    return ""


def _instructions(
    conn: Connection, rail: str, each: Booking, amount: int
) -> tuple[Sequence[Row[Any]], str, str]:
    """The instructions that a booking is of, with which of PAYMENT and RETURN; or none, and why."""
    row = bookings.instructed(conn, rail, each.end_to_end) if each.end_to_end else None
    if row is not None:
        forward = (amount > 0) == (row.direction == COLLECT)
        if not forward and not each.returned:
            return [], "", f"names {row.id}, but the bank does not call it a return"
        what = PAYMENT if forward else RETURN
        why = unsuitable(conn, row, what, amount)
        return ([], "", why) if why else ([row], what, "")
    part = part_of(each.batch)
    if part is not None and not each.returned:
        rows = _of_part(conn, rail, part)
        moved = sum(int(row.amount) for row in rows)
        if rows and amount == (moved if part.direction == COLLECT else -moved):
            return rows, PAYMENT, ""
        return [], "", f"its amount is not what is open of {each.batch}"
    return [], "", "names nothing that is known"


def _of_part(conn: Connection, rail: str, part: Part) -> list[Row[Any]]:
    """The instructions of a part of a message that did not fail and have no payment yet."""
    rows = bookings.instructions(conn, rail, part.run, part.withdrawal, part.direction)
    return [
        row
        for row in rows
        if row.state != "failed"
        and not bookings.matched(conn, row.id, PAYMENT)
        and _is_of(row, part)
    ]


def _is_of(row: Row[Any], part: Part) -> bool:
    return part.sequence in (None, json.loads(row.destination).get("sequence"))


def _account(conn: Connection, each: Booking) -> str | None:
    """The one account that a payment's text names as `TALLY-<account>`, in its currency."""
    said = f"{each.end_to_end} {each.text}"
    named = {match[1].lower() for match in _NAMED.finditer(said)}
    if len(named) != 1:
        return None
    try:
        row = accounts.get(conn, named.pop())
    except NotFound:
        return None
    fits = row.status == "active" and row.currency == each.amount.currency
    return str(row.id) if fits else None


def _is_recorded(conn: Connection, rail: str, each: Booking) -> bool:
    """Whether a person has recorded this payment, by the bank's end-to-end id, before the bank's
    file told of it."""
    return bool(each.end_to_end) and deposit_rows.find(conn, rail, each.end_to_end) is not None


def _keep(
    conn: Connection, taking: Taking, each: Booking, amount: int, state: str, note: str
) -> None:
    bookings.add(
        conn,
        BookingRow(
            id=each.reference,
            file_id=taking.file,
            rail=taking.rail,
            amount=amount,
            currency=each.amount.currency,
            booked_on=each.booked_on,
            end_to_end=each.end_to_end[:_NOTE],
            reason=each.reason[:_NOTE],
            party=each.party[:_NOTE],
            party_iban=each.party_iban[:_NOTE],
            text=each.text[:_NOTE],
            state=state,
            note=note[:_NOTE],
        ),
    )


def _named(rows: Sequence[Row[Any]]) -> str:
    return str(rows[0].id) if len(rows) == 1 else f"{len(rows)} instructions, first {rows[0].id}"


def listed(said: Sequence[str]) -> str:
    """What a booking was, in as many words as a note holds."""
    whole = ", ".join(said)
    return whole if len(whole) <= _NOTE else f"{len(said)} things, first {said[0]}"


def _told(each: Booking) -> str:
    reason = f", {each.reason}" if each.reason else ""
    return f"booked on {each.booked_on}{reason}"[:_NOTE]


def judge(conn: Connection, taking: Taking, each: Verdict) -> tuple[int, int]:
    """Apply a bank's word on payments: how many are news, and how many it speaks of.

    A refusal fails them; anything else is only a step on their way, and changes nothing. Raises
    BankFileError, with the line, for what was never sent, or was moved already.
    """
    part = part_of(each.part or each.message)
    if part is None or part_of(each.message) is None:
        raise BankFileError(f"line {each.line}: {each.message}: is no message of this gateway's")
    rows = bookings.instructions(conn, taking.rail, part.run, part.withdrawal, part.direction)
    rows = [row for row in rows if _is_of(row, part) and each.end_to_end in ("", row.reference)]
    if not rows:
        named = " ".join(filter(None, (each.message, each.part, each.end_to_end)))
        raise BankFileError(f"line {each.line}: {named}: was never sent over this rail")
    if not each.rejected:
        return 0, len(rows)
    note = f"{each.status} {each.reason}".strip()[:_NOTE]
    return sum(_reject(conn, row, each.line, note, taking.at) for row in rows), len(rows)


def _reject(conn: Connection, row: Row[Any], line: int, note: str, at: int) -> bool:
    try:
        if row.state == "pending":
            instructions.handed_over(conn, row)
        return instructions.record_outcome(conn, row.id, "failed", note, at)
    except (Conflict, IllegalMove) as error:
        raise BankFileError(
            f"line {line}: {error}; what comes back after it was moved is told by camt.053 or "
            "camt.054"
        ) from error
