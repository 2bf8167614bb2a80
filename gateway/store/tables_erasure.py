"""The table of accounts whose erasure was asked for.

Columns and constraints only; queries are in `erasures`. Times are Unix seconds.
"""

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field

from gateway.store.tables import Base


class Erasure(Base, table=True):
    """That one person asked to erase an account, and that another approved, by which it was done.
    One that was rejected leaves no row."""

    __table_args__ = (
        CheckConstraint("(approved_by IS NULL) = (approved_at IS NULL)", name="approved"),
        CheckConstraint("approved_by <> requested_by", name="two_persons"),
    )
    account_id: str = Field(primary_key=True, foreign_key="account.id")
    reason: str
    requested_by: str
    requested_at: int = Field(sa_type=BigInteger)
    approved_by: str | None = None
    approved_at: int | None = Field(default=None, sa_type=BigInteger)
