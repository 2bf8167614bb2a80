"""Instructions that come back, where each was sent, and the reference that a bank carries."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _reference(instruction_id: str) -> str:
    if len(instruction_id) <= 35:
        return instruction_id
    return f"{instruction_id[:26]}-{hashlib.sha256(instruction_id.encode()).hexdigest()[:8]}"


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    with op.batch_alter_table("instruction") as batch:
        batch.add_column(sa.Column("reference", sa.String(), nullable=True))
        batch.add_column(sa.Column("destination", sa.String(), nullable=False, server_default="{}"))
    table = sa.table("instruction", sa.column("id"), sa.column("reference"))
    bind = op.get_bind()
    for id_ in bind.execute(sa.select(table.c.id)).scalars().all():
        bind.execute(sa.update(table).where(table.c.id == id_).values(reference=_reference(id_)))
    with op.batch_alter_table("instruction") as batch:
        batch.alter_column("reference", existing_type=sa.String(), nullable=False)
        batch.alter_column("destination", existing_type=sa.String(), server_default=None)
        batch.drop_constraint(op.f("ck_instruction_state"), type_="check")
        batch.create_check_constraint(
            op.f("ck_instruction_state"),
            "state IN ('pending', 'submitted', 'done', 'failed', 'returned')",
        )
        batch.create_check_constraint(
            op.f("ck_instruction_reference"), "length(reference) BETWEEN 1 AND 35"
        )
        batch.create_unique_constraint(op.f("uq_instruction_reference"), ["reference"])
