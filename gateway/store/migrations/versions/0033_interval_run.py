"""A run's intervals are found by their entries too, which is how it is netted."""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.drop_index("ix_interval_run", "interval")
    op.create_index("ix_interval_run", "interval", ["run", "entry_seq"])
