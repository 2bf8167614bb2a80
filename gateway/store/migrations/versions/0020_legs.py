"""Prices that change: legs of channels, and which tariff follows which, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_SQLITE_SIGNED = """
CREATE TRIGGER channel_leg_signed BEFORE UPDATE OF leg ON channel
WHEN NEW.leg <> OLD.leg AND (NEW.leg < OLD.leg OR NOT EXISTS
  (SELECT 1 FROM leg WHERE channel_id = NEW.id AND number = NEW.leg))
BEGIN SELECT RAISE(ABORT, 'channel leg only rises, to one that is signed'); END
"""
_SQLITE_APPEND_ONLY = """
CREATE TRIGGER leg_no_{event} BEFORE {event} ON leg
BEGIN SELECT RAISE(ABORT, 'leg is append-only'); END
"""
_POSTGRES_SIGNED = """
CREATE FUNCTION channel_leg_signed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.leg < OLD.leg OR NOT EXISTS
     (SELECT 1 FROM leg WHERE channel_id = NEW.id AND number = NEW.leg) THEN
    RAISE EXCEPTION 'channel leg only rises, to one that is signed';
  END IF;
  RETURN NEW;
END $$
"""


def _reference(table: str, column: str, to: str = "tariff.id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [to], name=op.f(f"fk_{table}_{column}"))


def _tables() -> None:
    op.create_table(
        "leg",
        sa.Column("channel_id", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tariff_id", sa.LargeBinary(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_leg_number")),
        sa.CheckConstraint("amount >= 0 AND units >= 0", name=op.f("ck_leg_base")),
        _reference("leg", "channel_id", "channel.id"),
        _reference("leg", "tariff_id"),
        sa.PrimaryKeyConstraint("channel_id", "number", name=op.f("pk_leg")),
    )
    op.create_table(
        "follower",
        sa.Column("tariff_id", sa.LargeBinary(), nullable=False),
        sa.Column("follower_id", sa.LargeBinary(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("tariff_id <> follower_id", name=op.f("ck_follower_another")),
        _reference("follower", "tariff_id"),
        _reference("follower", "follower_id"),
        sa.PrimaryKeyConstraint("tariff_id", name=op.f("pk_follower")),
    )
    op.create_table(
        "band",
        sa.Column("tariff_id", sa.LargeBinary(), nullable=False),
        sa.Column("follower_id", sa.LargeBinary(), nullable=False),
        sa.Column("cron", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("served_until", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("tariff_id <> follower_id", name=op.f("ck_band_another")),
        _reference("band", "tariff_id"),
        _reference("band", "follower_id"),
        sa.PrimaryKeyConstraint(
            "tariff_id", "follower_id", "cron", "time_zone", name=op.f("pk_band")
        ),
    )


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    _tables()
    op.add_column("channel", sa.Column("leg", sa.BigInteger(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_SQLITE_SIGNED)
        for event in ("update", "delete"):
            op.execute(_SQLITE_APPEND_ONLY.format(event=event))
        return
    op.execute(_POSTGRES_SIGNED)
    op.execute(
        "CREATE TRIGGER channel_leg_signed BEFORE UPDATE OF leg ON channel FOR EACH ROW"
        " WHEN (NEW.leg <> OLD.leg) EXECUTE FUNCTION channel_leg_signed()"
    )
    op.execute(
        "CREATE TRIGGER leg_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON leg"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
