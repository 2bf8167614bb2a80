"""One-time codes by which devices are registered."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.create_table(
        "claim",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("device_id", sa.String(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("length(code_hash) = 32", name=op.f("ck_claim_code_hash")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_claim_expires_at")),
        sa.CheckConstraint("(used_at IS NULL) = (device_id IS NULL)", name=op.f("ck_claim_used")),
        sa.CheckConstraint("used_at IS NULL OR revoked_at IS NULL", name=op.f("ck_claim_revoked")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_claim_account_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_claim_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_claim_code_hash")),
    )
    op.create_index(op.f("ix_claim_account_id"), "claim", ["account_id"], unique=False)
