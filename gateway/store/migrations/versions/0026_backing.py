"""What accounts have locked with a rail, which backs their channels."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.create_table(
        "backing",
        sa.Column("rail", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_backing_amount")),
        sa.CheckConstraint("height >= 0", name=op.f("ck_backing_height")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_backing_account_id")),
        sa.PrimaryKeyConstraint("rail", "account_id", name=op.f("pk_backing")),
    )
