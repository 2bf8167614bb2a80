"""What devices are still to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("channel_id", sa.LargeBinary(), nullable=True),
        sa.Column("run", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('grant', 'receipt', 'run')", name=op.f("ck_notice_kind")),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_notice_channel_id")),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_notice_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
