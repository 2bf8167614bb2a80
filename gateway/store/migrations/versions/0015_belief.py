"""Which of the gateway's keys each device has last shown to believe."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.create_table(
        "belief",
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("gateway_key", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(gateway_key) = 32", name=op.f("ck_belief_gateway_key")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_belief_device_id")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_belief")),
    )
