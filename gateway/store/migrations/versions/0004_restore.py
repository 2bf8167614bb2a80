"""The fence of a restored gateway, what it waits for, and what the rail moved meanwhile."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.create_table(
        "generation",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("archive", sa.String(), nullable=False),
        sa.Column("backup_at", sa.BigInteger(), nullable=False),
        sa.Column("restored_at", sa.BigInteger(), nullable=False),
        sa.Column("rail_at", sa.BigInteger(), nullable=True),
        sa.Column("rail_note", sa.String(), nullable=False),
        sa.Column("lifted_at", sa.BigInteger(), nullable=True),
        sa.Column("lifted_by", sa.String(), nullable=True),
        sa.CheckConstraint(
            "state IN ('fenced', 'lifted', 'superseded')", name=op.f("ck_generation_state")
        ),
        sa.CheckConstraint("number > 1", name=op.f("ck_generation_number")),
        sa.CheckConstraint(
            "(state = 'lifted') = (lifted_at IS NOT NULL)"
            " AND (state = 'lifted') = (lifted_by IS NOT NULL)",
            name=op.f("ck_generation_lifted"),
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_generation")),
    )
    op.create_table(
        "awaited",
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'presented', 'lost')", name=op.f("ck_awaited_state")
        ),
        sa.CheckConstraint("(state = 'waiting') = (at IS NULL)", name=op.f("ck_awaited_at")),
        sa.ForeignKeyConstraint(
            ["generation"], ["generation.number"], name=op.f("fk_awaited_generation")
        ),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_awaited_channel_id")),
        sa.PrimaryKeyConstraint("generation", "channel_id", name=op.f("pk_awaited")),
    )
    op.create_index(op.f("ix_awaited_state"), "awaited", ["state"], unique=False)
    op.create_table(
        "found",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("rail", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("direction IN ('collect', 'pay')", name=op.f("ck_found_direction")),
        sa.CheckConstraint("outcome IN ('done', 'failed')", name=op.f("ck_found_outcome")),
        sa.CheckConstraint("amount > 0 AND run > 0", name=op.f("ck_found_amount")),
        sa.ForeignKeyConstraint(
            ["generation"], ["generation.number"], name=op.f("fk_found_generation")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_found_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_found")),
    )
