"""What devices sell, and the mirrors of channels from one device to another."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.create_table(
        "listing",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("tariff_id", sa.LargeBinary(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("max_capacity", sa.BigInteger(), nullable=False),
        sa.Column("window_units", sa.BigInteger(), nullable=False),
        sa.Column("max_lifetime_s", sa.BigInteger(), nullable=False),
        sa.Column("fee_bp", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('listed', 'ended')", name=op.f("ck_listing_state")),
        sa.CheckConstraint("length(id) = 32", name=op.f("ck_listing_id")),
        sa.CheckConstraint(
            "max_capacity > 0 AND window_units > 0 AND max_lifetime_s > 0",
            name=op.f("ck_listing_limits"),
        ),
        sa.CheckConstraint("fee_bp BETWEEN 0 AND 9999", name=op.f("ck_listing_fee_bp")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_listing_device_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariff.id"], name=op.f("fk_listing_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing")),
    )
    op.create_index(op.f("ix_listing_device_id"), "listing", ["device_id"], unique=False)
    op.create_index(op.f("ix_listing_unit"), "listing", ["unit"], unique=False)
    blob = "BLOB" if op.get_bind().dialect.name == "sqlite" else "BYTEA"
    op.execute(
        f"ALTER TABLE channel ADD COLUMN mirror_of {blob}"
        " CONSTRAINT fk_channel_mirror_of REFERENCES channel (id)"
    )
    op.execute(
        "ALTER TABLE channel ADD COLUMN mirror_fee_bp INTEGER CONSTRAINT ck_channel_mirror"
        " CHECK ((mirror_of IS NULL) = (mirror_fee_bp IS NULL))"
    )
    op.create_index("uq_channel_mirror_of", "channel", ["mirror_of"], unique=True)
