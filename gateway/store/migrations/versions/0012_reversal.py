"""Corrections by reversing entries."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.create_table(
        "reversal",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_seq", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("proposed_by", sa.String(), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("reversing_seq", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('proposed', 'posted', 'rejected')", name=op.f("ck_reversal_state")
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_reversal_number")),
        sa.CheckConstraint(
            "(state = 'proposed') = (decided_by IS NULL)"
            " AND (decided_by IS NULL) = (decided_at IS NULL)",
            name=op.f("ck_reversal_decided"),
        ),
        sa.CheckConstraint(
            "(state = 'posted') = (reversing_seq IS NOT NULL)", name=op.f("ck_reversal_posted")
        ),
        sa.CheckConstraint(
            "state <> 'posted' OR decided_by <> proposed_by",
            name=op.f("ck_reversal_two_persons"),
        ),
        sa.ForeignKeyConstraint(["entry_seq"], ["entry.seq"], name=op.f("fk_reversal_entry_seq")),
        sa.ForeignKeyConstraint(
            ["reversing_seq"], ["entry.seq"], name=op.f("fk_reversal_reversing_seq")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_reversal")),
        sa.UniqueConstraint("reversing_seq", name=op.f("uq_reversal_reversing_seq")),
    )
    op.create_index(
        "uq_reversal_entry_seq",
        "reversal",
        ["entry_seq"],
        unique=True,
        sqlite_where=sa.text("state <> 'rejected'"),
        postgresql_where=sa.text("state <> 'rejected'"),
    )
