"""Deposits, and what of them a run used."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.create_table(
        "deposit",
        sa.Column("rail", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("entry_seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_deposit_amount")),
        sa.CheckConstraint(
            "length(reference) BETWEEN 1 AND 140", name=op.f("ck_deposit_reference")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_deposit_account_id")),
        sa.ForeignKeyConstraint(["entry_seq"], ["entry.seq"], name=op.f("fk_deposit_entry_seq")),
        sa.PrimaryKeyConstraint("rail", "reference", name=op.f("pk_deposit")),
        sa.UniqueConstraint("entry_seq", name=op.f("uq_deposit_entry_seq")),
    )
    op.create_index(op.f("ix_deposit_account_id"), "deposit", ["account_id"], unique=False)
    with op.batch_alter_table("position") as batch:
        batch.add_column(sa.Column("funds", sa.BigInteger(), nullable=False, server_default="0"))
        batch.create_check_constraint(op.f("ck_position_funds"), "funds <= 0 OR funds <= net")
