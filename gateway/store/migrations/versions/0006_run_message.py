"""The gateway's signed word on a whole run."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.add_column("run", sa.Column("message", sa.LargeBinary(), nullable=True))
