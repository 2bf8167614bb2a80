"""Tables of what banks said: files, what was booked, and which instructions that was for.

Columns, keys and constraints only. Amounts are integer atomic units, above zero for money that
came in; times are Unix seconds.
"""

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field

from gateway.ledger import states
from gateway.store.tables import Base, one_of


class BankFile(Base, table=True):
    """A file that was taken in, whole; `id` is the SHA-256 of its bytes in hex."""

    __tablename__ = "bank_file"
    __table_args__ = (CheckConstraint("length(id) = 64", name="id"),)
    id: str = Field(primary_key=True)
    rail: str
    kind: str
    message: str
    taken_by: str
    at: int = Field(sa_type=BigInteger)


class Booking(Base, table=True):
    """Money that came to the operator's account at a bank or left it: applied once.

    `id` is what the bank knows it by. `matched`: it was for instructions, or a deposit.
    `suspense`: nobody knows yet what it was for. `assigned`: an operator has said so.
    """

    __table_args__ = (
        one_of("state", states.BOOKING),
        CheckConstraint("length(id) = 64", name="id"),
        CheckConstraint("amount <> 0", name="amount"),
        CheckConstraint(
            "(state = 'assigned') = (assigned_by IS NOT NULL)"
            " AND (state = 'assigned') = (assigned_at IS NOT NULL)",
            name="assigned",
        ),
    )
    id: str = Field(primary_key=True)
    file_id: str = Field(foreign_key="bank_file.id", index=True)
    rail: str
    amount: int = Field(sa_type=BigInteger)
    currency: str
    booked_on: str
    end_to_end: str
    reason: str
    party: str
    party_iban: str
    text: str
    state: str = Field(index=True)
    # What it was for, or why that is not known.
    note: str
    assigned_by: str | None = None
    assigned_at: int | None = Field(default=None, sa_type=BigInteger)


class BookingMatch(Base, table=True):
    """The booking by which an instruction was paid, and the one by which it came back: one each."""

    __tablename__ = "booking_match"
    __table_args__ = (one_of("what", ("payment", "return")),)
    instruction_id: str = Field(primary_key=True, foreign_key="instruction.id")
    what: str = Field(primary_key=True)
    booking_id: str = Field(foreign_key="booking.id", index=True)
