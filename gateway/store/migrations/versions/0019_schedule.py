"""Schedules; what a run was asked for, how far it has cut, and whose approval it waits for."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_STATES = "state IN ('posting', 'posted', 'approved', 'rejected', 'instructed', 'completed')"
_SCOPE = "scope IN ('all', 'currency', 'accounts')"
_DECISION = "decision IN ('approved', 'rejected')"
_DECIDED = "(decision IS NULL) = (decided_by IS NULL) AND (decision IS NULL) = (decided_at IS NULL)"
_TWO_PERSONS = "decision <> 'approved' OR decided_by <> started_by"


def _new_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("scope", sa.String(), nullable=False, server_default="all"),
        sa.Column("started_by", sa.String(), nullable=False, server_default=""),
        sa.Column("parts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("cut_payer", sa.String(), nullable=False, server_default=""),
        sa.Column("cut_channel", sa.LargeBinary(), nullable=False, server_default=""),
        sa.Column("approval", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("decision", sa.String(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
    ]


def _run_on_postgresql() -> None:
    for column in _new_columns():
        op.add_column("run", column)
    op.execute("ALTER TABLE run DROP CONSTRAINT ck_run_state")
    for name, check in (
        ("state", _STATES),
        ("scope", _SCOPE),
        ("decision", _DECISION),
        ("decided", _DECIDED),
        ("two_persons", _TWO_PERSONS),
    ):
        op.execute(f"ALTER TABLE run ADD CONSTRAINT ck_run_{name} CHECK ({check})")


def _run_on_sqlite() -> None:
    # The table is made anew. Other tables refer to it: that they do so to nothing meanwhile is
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
        *_new_columns(),
        sa.CheckConstraint(_STATES, name=op.f("ck_run_state")),
        sa.CheckConstraint("length(journal_head) = 32", name=op.f("ck_run_journal_head")),
        sa.CheckConstraint("number > 0", name=op.f("ck_run_number")),
        sa.CheckConstraint("period_start <= period_end", name=op.f("ck_run_period")),
        sa.CheckConstraint(_SCOPE, name=op.f("ck_run_scope")),
        sa.CheckConstraint(_DECISION, name=op.f("ck_run_decision")),
        sa.CheckConstraint(_DECIDED, name=op.f("ck_run_decided")),
        sa.CheckConstraint(_TWO_PERSONS, name=op.f("ck_run_two_persons")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_run")),
    )
    op.create_index(op.f("ix_run_state"), "run", ["state"], unique=False)
    op.execute(
        "INSERT INTO run (number, currency, scale, state, period_start, period_end, journal_head,"
        " message) SELECT number, currency, scale, state, period_start, period_end, journal_head,"
        " message FROM run_kept"
    )
    op.drop_table("run_kept")


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    if op.get_bind().dialect.name == "postgresql":
        _run_on_postgresql()
    else:
        _run_on_sqlite()
    op.create_table(
        "run_account",
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_run_account_account")),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_run_account_run")),
        sa.PrimaryKeyConstraint("run", "account", name=op.f("pk_run_account")),
    )
    op.create_table(
        "schedule",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=True),
        sa.Column("cron", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("least_amount", sa.BigInteger(), nullable=False),
        sa.Column("most_owed", sa.BigInteger(), nullable=True),
        sa.Column("approval", sa.Boolean(), nullable=False),
        sa.Column("served_until", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "subject = coalesce(account_id, currency)", name=op.f("ck_schedule_subject")
        ),
        sa.CheckConstraint("least_amount >= 0", name=op.f("ck_schedule_least_amount")),
        sa.CheckConstraint("most_owed > 0", name=op.f("ck_schedule_most_owed")),
        sa.CheckConstraint("NOT approval OR account_id IS NULL", name=op.f("ck_schedule_approval")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_schedule_account_id")
        ),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_schedule")),
        sa.UniqueConstraint("account_id", name=op.f("uq_schedule_account_id")),
    )
    op.create_index(op.f("ix_schedule_currency"), "schedule", ["currency"], unique=False)
    op.drop_index("ix_channel_payer_account", table_name="channel")
    op.create_index("ix_channel_payer_account", "channel", ["payer_account", "id"])
