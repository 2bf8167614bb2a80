"""/v1/bank: files of banks, and money of which nobody knows what it was for."""

import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, model_validator
from sqlalchemy import Row

from gateway.api.policy import Authorized
from gateway.api.services import Office
from gateway.api.shapes import Body, Cursor, Limit, Money, Page, cursor_of, position_of
from gateway.operations import bank
from gateway.operations.bank import SEPA, Taken
from gateway.operations.errors import BadInput
from gateway.operations.payout_accounts import check_rail
from gateway.operations.principal import of_bearer

router = APIRouter(prefix="/bank", tags=["bank"])

MAX_FILE = 1_000_000
BookingId = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
InstructionName = Annotated[str, Field(pattern="^[a-z0-9-]{1,100}$")]
_ID = re.compile("[0-9a-f]{64}")


class BankFileIn(Body):
    """A camt.053, camt.054 or pain.002 as text. Larger ones are taken by `tallystick settle
    bank`."""

    content: Annotated[str, Field(min_length=1, max_length=MAX_FILE)]
    rail: Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")] = SEPA


class BankFileOut(BaseModel):
    """What a file came to; all counts are 0 if the file itself is `known`, taken in before.

    `payment`, `return`: bookings of instructions. `deposit`, `suspense`: other money, by whether it
    names an account. `failed`, `pending`: payments that the bank refused, or has not decided.
    `known`: what was applied before. `unbooked`: entries that are not booked yet.
    """

    id: str
    kind: str
    message: str
    known: bool
    counts: dict[str, int]


class BookingOut(BaseModel):
    """Money that came to the account at the bank or left it; `note` says what it was for, or why
    that is not known."""

    id: str
    rail: str
    direction: Literal["in", "out"]
    amount: Money
    booked_on: str
    end_to_end: str
    reason: str
    party: str
    party_iban: str
    text: str
    state: str
    note: str
    assigned_by: str | None


class AssignmentIn(Body):
    """What a booking was: instructions' payments or returns, and an account's money what these
    leave of it; or another booking over again."""

    account: Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")] | None = None
    instructions: list[InstructionName] = Field(default_factory=list, max_length=bank.MOST_PARTS)
    duplicate_of: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def _one(self) -> "AssignmentIn":
        of_money = self.account is not None or bool(self.instructions)
        if of_money == (self.duplicate_of is not None):
            raise ValueError("must have account, instructions or both, or duplicate_of")
        return self


def taken_out(taken: Taken) -> BankFileOut:
    """What a file came to as the API shows it."""
    return BankFileOut(
        id=taken.id,
        kind=taken.kind,
        message=taken.message,
        known=taken.known,
        counts=dict(bank.kinds(taken.counts)),
    )


def booking_out(row: Row[Any], scale: int) -> BookingOut:
    """A booking's row as the API shows it."""
    return BookingOut(
        id=row.id,
        rail=row.rail,
        direction="in" if row.amount > 0 else "out",
        amount=Money(amount=abs(row.amount), currency=row.currency, scale=scale),
        booked_on=row.booked_on,
        end_to_end=row.end_to_end,
        reason=row.reason,
        party=row.party,
        party_iban=row.party_iban,
        text=row.text,
        state=row.state,
        note=row.note,
        assigned_by=row.assigned_by,
    )


@router.post("/files", operation_id="takeBankFile")
def take_bank_file(office: Office, bearer: Authorized, body: BankFileIn) -> BankFileOut:
    """Take in a bank's file, all of it or nothing; the same one again changes nothing."""
    rail = bank.bank_rail(check_rail(office.rails, body.rail))
    content = _encoded(body.content)
    return taken_out(bank.take_in(office.store, rail, content, of_bearer(bearer)))


def _encoded(content: str) -> bytes:
    """The text as bytes, whatever encoding it was in before it became text."""
    try:
        return re.sub(r"^\s*<\?xml[^>]*\?>", "", content).encode()
    except UnicodeEncodeError:
        raise BadInput("content", "must be text of Unicode characters") from None


@router.get("/unmatched", operation_id="listUnmatchedBookings")
def list_unmatched(office: Office, cursor: Cursor = None, limit: Limit = 100) -> Page[BookingOut]:
    """Bookings of which nobody knows what they were for, by id."""
    position = position_of(cursor)
    if position is not None and not _ID.fullmatch(position):
        raise BadInput("cursor", "must be the `next` of an earlier page")
    found = bank.unmatched(office.store, after=position or "", limit=limit)
    return Page(
        items=[_shown(office, row) for row in found.items],
        next=cursor_of(found.items[-1].id) if found.more else None,
    )


@router.post("/bookings/{booking_id}/assignment", operation_id="assignBooking")
def assign_booking(
    office: Office, bearer: Authorized, booking_id: BookingId, body: AssignmentIn
) -> BookingOut:
    """Say what a booking in suspense was."""
    by = of_bearer(bearer)
    if body.duplicate_of is not None:
        row = bank.as_duplicate(office.store, booking_id, body.duplicate_of, by)
    else:
        row = bank.to_several(office.store, booking_id, body.instructions, body.account, by)
    return _shown(office, row)


def _shown(office: Office, row: Row[Any]) -> BookingOut:
    return booking_out(row, bank.scale_of(office.store, row.currency))
