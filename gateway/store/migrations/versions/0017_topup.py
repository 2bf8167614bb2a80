"""Channels whose capacity their payers raise."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_SQLITE_SIGNED = """
CREATE TRIGGER channel_capacity_signed BEFORE UPDATE OF capacity ON channel
WHEN NEW.capacity <> OLD.capacity AND (NEW.capacity < OLD.capacity OR NOT EXISTS
  (SELECT 1 FROM topup WHERE channel_id = NEW.id AND capacity = NEW.capacity))
BEGIN SELECT RAISE(ABORT, 'channel capacity only rises, to what a top-up says'); END
"""
_SQLITE_APPEND_ONLY = """
CREATE TRIGGER topup_no_{event} BEFORE {event} ON topup
BEGIN SELECT RAISE(ABORT, 'topup is append-only'); END
"""
_POSTGRES_SIGNED = """
CREATE FUNCTION channel_capacity_signed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.capacity < OLD.capacity OR NOT EXISTS
     (SELECT 1 FROM topup WHERE channel_id = NEW.id AND capacity = NEW.capacity) THEN
    RAISE EXCEPTION 'channel capacity only rises, to what a top-up says';
  END IF;
  RETURN NEW;
END $$
"""


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.create_table(
        "topup",
        sa.Column("channel_id", sa.LargeBinary(), nullable=False),
        sa.Column("capacity", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("from_capacity", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("from_capacity < capacity", name=op.f("ck_topup_rises")),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_topup_channel_id")),
        sa.PrimaryKeyConstraint("channel_id", "capacity", name=op.f("pk_topup")),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_SQLITE_SIGNED)
        for event in ("update", "delete"):
            op.execute(_SQLITE_APPEND_ONLY.format(event=event))
        return
    op.execute(_POSTGRES_SIGNED)
    op.execute(
        "CREATE TRIGGER channel_capacity_signed BEFORE UPDATE OF capacity ON channel FOR EACH ROW"
        " WHEN (NEW.capacity <> OLD.capacity) EXECUTE FUNCTION channel_capacity_signed()"
    )
    op.execute(
        "CREATE TRIGGER topup_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON topup"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
