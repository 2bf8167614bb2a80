"""Webhooks' secrets are sealed, and erasing an account takes two persons.

Secrets that are there are sealed when the installation is next opened, since the key for it is in
no database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    for before, after in (("secret", "sealed"), ("old_secret", "old_sealed")):
        op.execute(f"ALTER TABLE webhook RENAME COLUMN {before} TO {after}")
    op.create_table(
        "erasure",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(approved_by IS NULL) = (approved_at IS NULL)", name=op.f("ck_erasure_approved")
        ),
        sa.CheckConstraint("approved_by <> requested_by", name=op.f("ck_erasure_two_persons")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_erasure_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_erasure")),
    )
