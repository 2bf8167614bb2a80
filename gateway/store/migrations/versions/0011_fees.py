"""Fees by tariff, what proves each interval's end, what runs instruct and who lets them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_RUN_STATES = "state IN ('posted', 'approved', 'rejected', 'instructed', 'completed')"


def _tariff() -> None:
    for column in (
        "fee_fixed BIGINT NOT NULL DEFAULT 0",
        "fee_bp INTEGER NOT NULL DEFAULT 0",
        # Last, since it looks at the others.
        "fee_account VARCHAR CONSTRAINT fk_tariff_fee_account REFERENCES account (id)"
        " CONSTRAINT ck_tariff_fees CHECK (fee_fixed >= 0 AND fee_bp BETWEEN 0 AND 10000"
        " AND (fee_fixed = 0 AND fee_bp = 0) = (fee_account IS NULL))",
    ):
        op.execute(f"ALTER TABLE tariff ADD COLUMN {column}")


def _interval() -> None:
    op.add_column("interval", sa.Column("iou", sa.LargeBinary(), nullable=True))
    op.execute("ALTER TABLE interval ADD COLUMN tick_index BIGINT NOT NULL DEFAULT 0")
    blob = "BLOB" if op.get_bind().dialect.name == "sqlite" else "BYTEA"
    op.execute(
        f"ALTER TABLE interval ADD COLUMN tick_preimage {blob}"
        " CONSTRAINT ck_interval_tick_preimage CHECK ((tick_index = 0) = (tick_preimage IS NULL))"
    )
    op.execute(
        "ALTER TABLE interval ADD COLUMN fee BIGINT NOT NULL DEFAULT 0"
        " CONSTRAINT ck_interval_fee CHECK (fee BETWEEN 0 AND to_amount - from_amount)"
    )


def _position() -> None:
    with op.batch_alter_table("position") as batch:
        batch.add_column(sa.Column("fees", sa.BigInteger(), nullable=False, server_default="0"))
        batch.add_column(
            sa.Column("instructed", sa.BigInteger(), nullable=False, server_default="0")
        )
        batch.drop_constraint(op.f("ck_position_net"), type_="check")
        batch.create_check_constraint(
            op.f("ck_position_net"), "net = debits - credits + fees + carried"
        )
        batch.create_check_constraint(
            op.f("ck_position_instructed"),
            "instructed BETWEEN 0 AND net - funds OR instructed BETWEEN net AND 0",
        )
    op.execute("UPDATE position SET instructed = net - funds")


def _run() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE run DROP CONSTRAINT ck_run_state")
        op.execute(f"ALTER TABLE run ADD CONSTRAINT ck_run_state CHECK ({_RUN_STATES})")
        return
    # SQLite makes the table anew. Other tables refer to it: that they do so to nothing meanwhile is
    # forgiven once every row is back under its own name.
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TABLE run_kept AS SELECT * FROM run")
    op.drop_table("run")
    op.create_table(
        "run",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("scale", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("period_start", sa.BigInteger(), nullable=False),
        sa.Column("period_end", sa.BigInteger(), nullable=False),
        sa.Column("journal_head", sa.LargeBinary(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(_RUN_STATES, name=op.f("ck_run_state")),
        sa.CheckConstraint("length(journal_head) = 32", name=op.f("ck_run_journal_head")),
        sa.CheckConstraint("number > 0", name=op.f("ck_run_number")),
        sa.CheckConstraint("period_start <= period_end", name=op.f("ck_run_period")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_run")),
    )
    op.create_index(op.f("ix_run_state"), "run", ["state"], unique=False)
    op.execute("INSERT INTO run SELECT * FROM run_kept")
    op.drop_table("run_kept")


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    _tariff()
    _interval()
    _position()
    _run()
