"""Webhooks' secrets are sealed. What is there is sealed when the installation is next opened, since
the key for it is in no database."""

from alembic import op

revision = "0032"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    for before, after in (("secret", "sealed"), ("old_secret", "old_sealed")):
        op.execute(f"ALTER TABLE webhook RENAME COLUMN {before} TO {after}")
