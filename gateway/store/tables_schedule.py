"""Tables of when what is settled, and of what a run was asked for.

Amounts are integer atomic units, times are Unix seconds.
"""

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field

from gateway.store import tables_books  # noqa: F401  (a run names accounts)
from gateway.store.tables import Base


class Schedule(Base, table=True):
    """When a currency, or one account, is settled, and from what amount on.

    `cron` are five fields of a time in `time_zone`, empty for no times. `served_until`: the last of
    these times that was begun, or was found to be nothing; or since when there is the schedule.
    `least_amount` is the least that is moved either way; once the account owes `most_owed`, or any
    one of the currency, it is settled at once. With `approval` no money of the currency moves
    before a person has approved the run; who asked first that this end is `approval_end_by`.
    """

    __table_args__ = (
        CheckConstraint("subject = coalesce(account_id, currency)", name="subject"),
        CheckConstraint("least_amount >= 0", name="least_amount"),
        CheckConstraint("most_owed > 0", name="most_owed"),
        CheckConstraint("NOT approval OR account_id IS NULL", name="approval"),
    )
    subject: str = Field(primary_key=True)
    currency: str = Field(index=True)
    account_id: str | None = Field(default=None, foreign_key="account.id", unique=True)
    cron: str = ""
    time_zone: str = "UTC"
    least_amount: int = Field(default=0, sa_type=BigInteger)
    most_owed: int | None = Field(default=None, sa_type=BigInteger)
    approval: bool = False
    approval_end_by: str | None = None
    served_until: int = Field(sa_type=BigInteger)


class RunAccount(Base, table=True):
    """An account that a run was asked to settle by name."""

    __tablename__ = "run_account"
    run: int = Field(primary_key=True, foreign_key="run.number", sa_type=BigInteger)
    account: str = Field(primary_key=True, foreign_key="account.id")
