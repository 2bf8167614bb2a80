"""Who asked that a currency's runs wait for approval no more; what two persons said came of
instructions whose rail is gone."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.add_column("schedule", sa.Column("approval_end_by", sa.String(), nullable=True))
    op.create_table(
        "conclusion",
        sa.Column("instruction_id", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("proposed_by", sa.String(), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("agreed_by", sa.String(), nullable=True),
        sa.Column("agreed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("outcome IN ('done', 'failed')", name=op.f("ck_conclusion_outcome")),
        sa.CheckConstraint(
            "(agreed_by IS NULL) = (agreed_at IS NULL)", name=op.f("ck_conclusion_agreed")
        ),
        sa.CheckConstraint("agreed_by <> proposed_by", name=op.f("ck_conclusion_two_persons")),
        sa.ForeignKeyConstraint(
            ["instruction_id"], ["instruction.id"], name=op.f("fk_conclusion_instruction_id")
        ),
        sa.PrimaryKeyConstraint("instruction_id", name=op.f("pk_conclusion")),
    )
