"""Events for operators, and which devices are there."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=True),
        sa.Column("data", sa.String(), nullable=False),
        sa.CheckConstraint("level IN ('info', 'warning', 'action')", name=op.f("ck_event_level")),
        sa.CheckConstraint("id > 0", name=op.f("ck_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index("ix_event_subject_id", "event", ["subject", "id"], unique=False)
    op.create_index("ix_event_account_id_id", "event", ["account_id", "id"], unique=False)
    op.create_table(
        "presence",
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_presence_device_id")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_presence")),
    )
    op.create_index(op.f("ix_presence_online"), "presence", ["online"], unique=False)
    op.execute("INSERT INTO meta (key, value) VALUES ('outbox', '0')")
