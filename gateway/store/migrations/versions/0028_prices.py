"""Session fees; and how long more is granted at a price that another follows."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_GRACE = "grace_s BIGINT NOT NULL DEFAULT 3600 CONSTRAINT ck_{0}_grace CHECK (grace_s >= 0)"
"""What is there already gets an hour as well."""


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.execute(
        "ALTER TABLE tariff ADD COLUMN session_fee BIGINT NOT NULL DEFAULT 0"
        " CONSTRAINT ck_tariff_session_fee"
        " CHECK (session_fee >= 0 AND (session_fee = 0 OR pricing = 0))"
    )
    for table in ("follower", "band"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN {_GRACE.format(table)}")
    op.execute("ALTER TABLE follower ADD COLUMN ended_at BIGINT")
    op.execute(
        "ALTER TABLE channel ADD COLUMN ended_units BIGINT"
        " CONSTRAINT ck_channel_ended_units CHECK (ended_units BETWEEN 0 AND units)"
    )
