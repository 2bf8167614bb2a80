"""What a run uses of deposits is never below zero."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    name = op.f("ck_position_funds")
    with op.batch_alter_table("position") as batch:
        batch.drop_constraint(name, type_="check")
        batch.create_check_constraint(name, "funds = 0 OR funds BETWEEN 0 AND net")
