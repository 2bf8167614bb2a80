"""Channels whose IOUs are claims on payment channels of the XRP Ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.add_column("channel", sa.Column("xrpl_channel", sa.LargeBinary(), nullable=True))
    named = sa.text("xrpl_channel IS NOT NULL")
    op.create_index(
        "uq_channel_xrpl_channel",
        "channel",
        ["device_id", "xrpl_channel"],
        unique=True,
        sqlite_where=named,
        postgresql_where=named,
    )
