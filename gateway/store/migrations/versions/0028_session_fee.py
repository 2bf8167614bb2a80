"""Session fees: what a channel costs besides, once, with its first unit."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.execute(
        "ALTER TABLE tariff ADD COLUMN session_fee BIGINT NOT NULL DEFAULT 0"
        " CONSTRAINT ck_tariff_session_fee"
        " CHECK (session_fee >= 0 AND (session_fee = 0 OR pricing = 0))"
    )
