"""The table of what two persons said came of instructions whose rail is gone.

Columns and constraints only; queries are in `conclusions`. Times are Unix seconds.
"""

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field

from gateway.store import tables_books  # noqa: F401  (it is of an instruction)
from gateway.store.tables import Base, one_of


class Conclusion(Base, table=True):
    """What one person proposed to record of an instruction, and that another agreed."""

    __table_args__ = (
        one_of("outcome", ("done", "failed")),
        CheckConstraint("(agreed_by IS NULL) = (agreed_at IS NULL)", name="agreed"),
        CheckConstraint("agreed_by <> proposed_by", name="two_persons"),
    )
    instruction_id: str = Field(primary_key=True, foreign_key="instruction.id")
    outcome: str
    reason: str
    proposed_by: str
    proposed_at: int = Field(sa_type=BigInteger)
    agreed_by: str | None = None
    agreed_at: int | None = Field(default=None, sa_type=BigInteger)
