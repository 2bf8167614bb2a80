"""Tables of what accounts have paid in, what is reserved of it, and where it may be paid out.

Columns, keys and constraints only. Triggers that the migrations create let a pending entry only be
decided, once, and never change otherwise. Amounts are integer atomic units, times are Unix seconds.
"""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlmodel import Field

from gateway.ledger import states
from gateway.store.tables import Base, one_of


class Pending(Base, table=True):
    """A balanced entry that is reserved: it is posted once, or voided."""

    __table_args__ = (
        one_of("state", states.PENDING),
        CheckConstraint("id > 0", name="id"),
        CheckConstraint("(state = 'pending') = (decided_at IS NULL)", name="decided"),
        CheckConstraint("(state = 'posted') = (entry_seq IS NOT NULL)", name="entry"),
    )
    id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    kind: str
    reference: str = Field(unique=True)
    memo: str
    state: str = Field(default="pending", index=True)
    created_at: int = Field(sa_type=BigInteger)
    decided_at: int | None = Field(default=None, sa_type=BigInteger)
    entry_seq: int | None = Field(
        default=None, foreign_key="entry.seq", unique=True, sa_type=BigInteger
    )


class PendingPosting(Base, table=True):
    """One line of a pending entry: positive is a debit, negative a credit."""

    __tablename__ = "pending_posting"
    __table_args__ = (CheckConstraint("amount <> 0", name="amount"),)
    # Deferred, since lines are written before what they are lines of.
    pending_id: int = Field(
        primary_key=True,
        sa_type=BigInteger,
        sa_column_args=[ForeignKey("pending.id", deferrable=True, initially="DEFERRED")],
    )
    line: int = Field(primary_key=True)
    account: str = Field(index=True)
    currency: str
    amount: int = Field(sa_type=BigInteger)


class Deposit(Base, table=True):
    """Money that an account has paid in over a rail, under the rail's own reference for it."""

    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("length(reference) BETWEEN 1 AND 140", name="reference"),
    )
    rail: str = Field(primary_key=True)
    reference: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="account.id", index=True)
    amount: int = Field(sa_type=BigInteger)
    currency: str
    recorded_by: str
    note: str = ""
    at: int = Field(sa_type=BigInteger)
    entry_seq: int = Field(foreign_key="entry.seq", unique=True, sa_type=BigInteger)


class PayoutAccount(Base, table=True):
    """Where a rail pays an account, and collects from it. Rows are kept when they have ended.

    Who proposed it can't approve it. It is in force from `active_from` until it is retired or a
    later one is in force.
    """

    __tablename__ = "payout_account"
    __table_args__ = (
        one_of("state", states.PAYOUT_ACCOUNT),
        CheckConstraint(
            "(state IN ('active', 'retired')) = (approved_by IS NOT NULL)"
            " AND (approved_by IS NULL) = (approved_at IS NULL)"
            " AND (approved_by IS NULL) = (active_from IS NULL)",
            name="approved",
        ),
        CheckConstraint("approved_by <> proposed_by", name="two_persons"),
        CheckConstraint("active_from >= approved_at", name="cooling"),
        CheckConstraint(
            "(state IN ('retired', 'rejected')) = (ended_by IS NOT NULL)"
            " AND (ended_by IS NULL) = (ended_at IS NULL)",
            name="ended",
        ),
    )
    id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="account.id", index=True)
    rail: str
    # JSON, as the rail checked it.
    details: str
    state: str = "proposed"
    proposed_by: str
    proposed_at: int = Field(sa_type=BigInteger)
    approved_by: str | None = None
    approved_at: int | None = Field(default=None, sa_type=BigInteger)
    active_from: int | None = Field(default=None, sa_type=BigInteger)
    ended_by: str | None = None
    ended_at: int | None = Field(default=None, sa_type=BigInteger)


class Withdrawal(Base, table=True):
    """Deposits that an account asks back: held from then on, and paid out once it is approved.

    Once approved it has an instruction, whose state says what became of it.
    """

    __table_args__ = (
        one_of("state", states.WITHDRAWAL),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint(
            "(state = 'requested') = (decided_by IS NULL)"
            " AND (decided_by IS NULL) = (decided_at IS NULL)",
            name="decided",
        ),
        CheckConstraint("state <> 'approved' OR decided_by <> requested_by", name="two_persons"),
    )
    number: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    account_id: str = Field(foreign_key="account.id", index=True)
    amount: int = Field(sa_type=BigInteger)
    currency: str
    payout_account: str = Field(foreign_key="payout_account.id")
    pending_id: int = Field(foreign_key="pending.id", unique=True, sa_type=BigInteger)
    state: str = "requested"
    requested_by: str
    requested_at: int = Field(sa_type=BigInteger)
    decided_by: str | None = None
    decided_at: int | None = Field(default=None, sa_type=BigInteger)


class Reversal(Base, table=True):
    """A correction: an entry that is to be undone by another, once, by two persons."""

    __table_args__ = (
        one_of("state", states.REVERSAL),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(
            "(state = 'proposed') = (decided_by IS NULL)"
            " AND (decided_by IS NULL) = (decided_at IS NULL)",
            name="decided",
        ),
        CheckConstraint("(state = 'posted') = (reversing_seq IS NOT NULL)", name="posted"),
        CheckConstraint("state <> 'posted' OR decided_by <> proposed_by", name="two_persons"),
        # What was rejected may be proposed again; nothing else may.
        Index(
            "uq_reversal_entry_seq",
            "entry_seq",
            unique=True,
            sqlite_where=text("state <> 'rejected'"),
            postgresql_where=text("state <> 'rejected'"),
        ),
    )
    number: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    entry_seq: int = Field(foreign_key="entry.seq", sa_type=BigInteger)
    reason: str
    state: str = "proposed"
    proposed_by: str
    proposed_at: int = Field(sa_type=BigInteger)
    decided_by: str | None = None
    decided_at: int | None = Field(default=None, sa_type=BigInteger)
    reversing_seq: int | None = Field(
        default=None, foreign_key="entry.seq", unique=True, sa_type=BigInteger
    )


class Backing(Base, table=True):
    """What an account has locked with a rail, as it was seen at a height of the rail's own."""

    __table_args__ = (
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint("height >= 0", name="height"),
    )
    rail: str = Field(primary_key=True)
    account_id: str = Field(primary_key=True, foreign_key="account.id")
    amount: int = Field(sa_type=BigInteger)
    height: int = Field(sa_type=BigInteger)
