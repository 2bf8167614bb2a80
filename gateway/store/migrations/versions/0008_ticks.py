"""How far a channel's payer has ticked since its last IOU, and the value that proves it."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    blob = "BLOB" if op.get_bind().dialect.name == "sqlite" else "BYTEA"
    op.execute(
        "ALTER TABLE channel ADD COLUMN tick_index BIGINT NOT NULL DEFAULT 0"
        " CONSTRAINT ck_channel_tick_index CHECK (tick_index >= 0)"
    )
    # A tick proves itself by its preimage, on the chain that the IOU commits to.
    op.execute(
        f"ALTER TABLE channel ADD COLUMN tick_preimage {blob} CONSTRAINT ck_channel_tick_preimage"
        " CHECK ((tick_index = 0) = (tick_preimage IS NULL))"
    )
