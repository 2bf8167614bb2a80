"""Withdrawals, and instructions that are of one instead of a run."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.create_table(
        "withdrawal",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("payout_account", sa.String(), nullable=False),
        sa.Column("pending_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('requested', 'approved', 'rejected')", name=op.f("ck_withdrawal_state")
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_withdrawal_number")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_withdrawal_amount")),
        sa.CheckConstraint(
            "(state = 'requested') = (decided_by IS NULL)"
            " AND (decided_by IS NULL) = (decided_at IS NULL)",
            name=op.f("ck_withdrawal_decided"),
        ),
        sa.CheckConstraint(
            "state <> 'approved' OR decided_by <> requested_by",
            name=op.f("ck_withdrawal_two_persons"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_withdrawal_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["payout_account"], ["payout_account.id"], name=op.f("fk_withdrawal_payout_account")
        ),
        sa.ForeignKeyConstraint(
            ["pending_id"], ["pending.id"], name=op.f("fk_withdrawal_pending_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_withdrawal")),
        sa.UniqueConstraint("pending_id", name=op.f("uq_withdrawal_pending_id")),
    )
    op.create_index(op.f("ix_withdrawal_account_id"), "withdrawal", ["account_id"], unique=False)
    with op.batch_alter_table("instruction") as batch:
        batch.alter_column("run", existing_type=sa.BigInteger(), nullable=True)
        batch.add_column(sa.Column("withdrawal", sa.BigInteger(), nullable=True))
        batch.create_foreign_key(
            op.f("fk_instruction_withdrawal"), "withdrawal", ["withdrawal"], ["number"]
        )
        batch.create_unique_constraint(op.f("uq_instruction_withdrawal"), ["withdrawal"])
        batch.create_check_constraint(
            op.f("ck_instruction_cause"), "(run IS NULL) = (withdrawal IS NOT NULL)"
        )
    with op.batch_alter_table("found") as batch:
        batch.drop_constraint(op.f("ck_found_amount"), type_="check")
        batch.create_check_constraint(op.f("ck_found_amount"), "amount > 0 AND run >= 0")
