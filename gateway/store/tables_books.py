"""Tables of the books: the journal, and what settlement made of it.

Columns, keys and constraints only. `entry` and `posting` are append-only: triggers that the
migrations create refuse any update or delete, an entry whose lines (which are there first) do not
balance in each currency, and a line of an entry that is there already. Amounts are integer atomic
units, times are Unix seconds. A signed amount is positive for a debit.
"""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlmodel import Field

from gateway.ledger import states
from gateway.store import tables_funds  # noqa: F401  (an instruction may be of a withdrawal)
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
    # Deferred, since lines are written before what they are lines of.
    entry_seq: int = Field(
        primary_key=True,
        sa_type=BigInteger,
        sa_column_args=[ForeignKey("entry.seq", deferrable=True, initially="DEFERRED")],
    )
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
        one_of("scope", ("all", "currency", "accounts")),
        one_of("decision", ("approved", "rejected")),
        CheckConstraint(
            "(decision IS NULL) = (decided_by IS NULL)"
            " AND (decision IS NULL) = (decided_at IS NULL)",
            name="decided",
        ),
        CheckConstraint("decision <> 'approved' OR decided_by <> started_by", name="two_persons"),
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
    # The gateway's signed `run`; null before the statements are signed.
    message: bytes | None = None
    # What it was asked for, and by whom; `run_account` has the accounts that were named.
    scope: str = "all"
    started_by: str = ""
    # How far it has cut channels, by payer and id, and in how many parts so far.
    parts: int = 0
    cut_payer: str = ""
    cut_channel: bytes = b""
    # Whether it waits for a person's word before money moves, and whose it was.
    approval: bool = False
    decision: str | None = None
    decided_by: str | None = None
    decided_at: int | None = Field(default=None, sa_type=BigInteger)


class Interval(Base, table=True):
    """A stretch (from, to] of one channel that was posted, once; `run` states and pays it."""

    __table_args__ = (
        CheckConstraint("0 <= from_amount AND from_amount < to_amount", name="amounts"),
        CheckConstraint("0 <= from_units AND from_units <= to_units", name="units"),
        CheckConstraint("fee BETWEEN 0 AND to_amount - from_amount", name="fee"),
        CheckConstraint("(tick_index = 0) = (tick_preimage IS NULL)", name="tick_preimage"),
        UniqueConstraint("channel_id", "to_amount"),
        Index("ix_interval_run", "run", "entry_seq"),
    )
    channel_id: bytes = Field(primary_key=True, foreign_key="channel.id")
    from_amount: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    to_amount: int = Field(sa_type=BigInteger)
    from_units: int = Field(sa_type=BigInteger)
    to_units: int = Field(sa_type=BigInteger)
    # What the payee pays of it by its tariff.
    fee: int = Field(default=0, sa_type=BigInteger)
    # What proves the mark at its end, as on the channel; null if posted before it was kept.
    iou: bytes | None = None
    tick_index: int = Field(default=0, sa_type=BigInteger)
    tick_preimage: bytes | None = None
    # Null only inside the transaction of a run, between freezing and posting.
    entry_seq: int | None = Field(default=None, foreign_key="entry.seq", sa_type=BigInteger)
    run: int | None = Field(default=None, foreign_key="run.number", sa_type=BigInteger)


class Position(Base, table=True):
    """What one run made of one account: net = debits - credits + fees + carried, positive owes.

    `fees` is positive for a payee that pays them, negative for who earns them. `funds` of the net
    was taken from its deposits. `instructed` is what a rail is to move; the rest of the net is left
    where it was, and is carried into the next run.
    """

    __table_args__ = (
        CheckConstraint("debits >= 0 AND credits >= 0", name="sides"),
        CheckConstraint("net = debits - credits + fees + carried", name="net"),
        CheckConstraint("funds = 0 OR funds BETWEEN 0 AND net", name="funds"),
        CheckConstraint(
            "instructed BETWEEN 0 AND net - funds OR instructed BETWEEN net AND 0",
            name="instructed",
        ),
    )
    run: int = Field(primary_key=True, foreign_key="run.number", sa_type=BigInteger)
    account: str = Field(primary_key=True, foreign_key="account.id")
    debits: int = Field(sa_type=BigInteger)
    credits: int = Field(sa_type=BigInteger)
    fees: int = Field(default=0, sa_type=BigInteger)
    carried: int = Field(sa_type=BigInteger)
    net: int = Field(sa_type=BigInteger)
    funds: int = Field(default=0, sa_type=BigInteger)
    instructed: int = Field(sa_type=BigInteger)


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
        CheckConstraint("length(reference) BETWEEN 1 AND 35", name="reference"),
        CheckConstraint("(run IS NULL) = (withdrawal IS NOT NULL)", name="cause"),
        UniqueConstraint("run", "account_id"),
    )
    id: str = Field(primary_key=True)
    # What it is of: a run, or a withdrawal.
    run: int | None = Field(default=None, foreign_key="run.number", sa_type=BigInteger)
    withdrawal: int | None = Field(
        default=None, foreign_key="withdrawal.number", unique=True, sa_type=BigInteger
    )
    account_id: str = Field(foreign_key="account.id")
    direction: str
    amount: int = Field(sa_type=BigInteger)
    currency: str
    rail: str
    # The id as banks carry it; where the account was paid when this was written, as JSON.
    reference: str = Field(unique=True)
    destination: str = "{}"
    state: str = Field(default="pending", index=True)
    note: str = ""
