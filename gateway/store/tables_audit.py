"""The table of what operators did."""

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlmodel import Field

from gateway.store.tables import Base


class Audit(Base, table=True):
    """One decision of an operator, written in the transaction that did it; its hash commits to the
    record before it. Append-only: triggers refuse any delete, and any update but one: that its
    details (`before`, `after`, `why`) are erased together with their salt. `committed` is what the
    hash says of them."""

    __table_args__ = (
        CheckConstraint("seq > 0", name="seq"),
        CheckConstraint("length(hash) = 32", name="hash"),
        CheckConstraint("length(committed) = 32", name="committed"),
        CheckConstraint(
            "salt IS NOT NULL OR (before = '' AND after = '' AND why = '')", name="erased"
        ),
        Index("ix_audit_subject_seq", "subject", "seq"),
        Index("ix_audit_who_seq", "who", "seq"),
    )
    seq: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    at: int = Field(sa_type=BigInteger)
    who: str
    action: str
    subject: str
    before: str
    after: str
    why: str
    salt: bytes | None
    committed: bytes
    hash: bytes
