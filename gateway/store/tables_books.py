"""Tables of the books: the journal, and what settlement made of it.

Columns, keys and constraints only. `entry` and `posting` are append-only: triggers that the
migrations create refuse any update or delete. Amounts are integer atomic units, times are Unix
seconds. A signed amount is positive for a debit.
"""

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field

from gateway.ledger import states
from gateway.store.tables import Base, one_of


class Entry(Base, table=True):
    """One balanced journal entry; its hash commits to the one before it."""

    __table_args__ = (
        CheckConstraint("seq > 0", name="seq"),
        CheckConstraint("length(hash) = 32", name="hash"),
    )
    seq: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    kind: str
    reference: str = Field(unique=True)
    at: int = Field(sa_type=BigInteger)
    memo: str
    hash: bytes


class Posting(Base, table=True):
    """One line of an entry: positive is a debit, negative a credit."""

    __table_args__ = (CheckConstraint("amount <> 0", name="amount"),)
    entry_seq: int = Field(primary_key=True, foreign_key="entry.seq", sa_type=BigInteger)
    line: int = Field(primary_key=True)
    account: str = Field(index=True)
    currency: str
    amount: int = Field(sa_type=BigInteger)


class Balance(Base, table=True):
    """The sum of a ledger account's postings, kept in the transaction that posts them."""

    account: str = Field(primary_key=True)
    currency: str = Field(primary_key=True)
    amount: int = Field(sa_type=BigInteger)


class Run(Base, table=True):
    """One settlement run of one currency; numbers start at 1 (0 means none on the wire)."""

    __table_args__ = (
        one_of("state", states.RUN),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("period_start <= period_end", name="period"),
        CheckConstraint("length(journal_head) = 32", name="journal_head"),
    )
    number: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    currency: str
    scale: int
    state: str = Field(index=True)
    period_start: int = Field(sa_type=BigInteger)
    period_end: int = Field(sa_type=BigInteger)
    journal_head: bytes


class Interval(Base, table=True):
    """A stretch (from, to] of one channel that was posted, once; `run` states and pays it."""

    __table_args__ = (
        CheckConstraint("0 <= from_amount AND from_amount < to_amount", name="amounts"),
        CheckConstraint("0 <= from_units AND from_units <= to_units", name="units"),
        UniqueConstraint("channel_id", "to_amount"),
        Index("ix_interval_run", "run"),
    )
    channel_id: bytes = Field(primary_key=True, foreign_key="channel.id")
    from_amount: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    to_amount: int = Field(sa_type=BigInteger)
    from_units: int = Field(sa_type=BigInteger)
    to_units: int = Field(sa_type=BigInteger)
    # Null only inside the transaction of a run, between freezing and posting.
    entry_seq: int | None = Field(default=None, foreign_key="entry.seq", sa_type=BigInteger)
    run: int | None = Field(default=None, foreign_key="run.number", sa_type=BigInteger)


class Position(Base, table=True):
    """What one run made of one account: net = debits - credits + carried, positive owes."""

    __table_args__ = (
        CheckConstraint("debits >= 0 AND credits >= 0", name="sides"),
        CheckConstraint("net = debits - credits + carried", name="net"),
    )
    run: int = Field(primary_key=True, foreign_key="run.number", sa_type=BigInteger)
    account: str = Field(primary_key=True, foreign_key="account.id")
    debits: int = Field(sa_type=BigInteger)
    credits: int = Field(sa_type=BigInteger)
    carried: int = Field(sa_type=BigInteger)
    net: int = Field(sa_type=BigInteger)


class Statement(Base, table=True):
    """The gateway-signed account of one run for one account."""

    run: int = Field(primary_key=True, foreign_key="run.number", sa_type=BigInteger)
    account: str = Field(primary_key=True, foreign_key="account.id")
    message: bytes


class Instruction(Base, table=True):
    """One movement of real money that a rail is asked for."""

    __table_args__ = (
        one_of("direction", ("collect", "pay")),
        one_of("state", states.INSTRUCTION),
        CheckConstraint("amount > 0", name="amount"),
        UniqueConstraint("run", "account_id"),
    )
    id: str = Field(primary_key=True)
    run: int = Field(foreign_key="run.number", sa_type=BigInteger)
    account_id: str = Field(foreign_key="account.id")
    direction: str
    amount: int = Field(sa_type=BigInteger)
    currency: str
    rail: str
    state: str = Field(default="pending", index=True)
    note: str = ""
