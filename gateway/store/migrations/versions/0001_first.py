"""The first schema: all tables, the row that journal writers lock, and an append-only journal."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


_SQLITE_TRIGGER = """
CREATE TRIGGER {table}_no_{event} BEFORE {event} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
_POSTGRES_FUNCTION = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
"""
_POSTGRES_TRIGGER = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def _make_journal_append_only() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in ("entry", "posting"):
            for event in ("update", "delete"):
                op.execute(_SQLITE_TRIGGER.format(table=table, event=event))
    else:
        op.execute(_POSTGRES_FUNCTION)
        for table in ("entry", "posting"):
            op.execute(_POSTGRES_TRIGGER.format(table=table))


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.create_table(
        "account",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("scale", sa.Integer(), nullable=False),
        sa.Column("credit_limit", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'closed')", name=op.f("ck_account_status")),
        sa.CheckConstraint("credit_limit >= 0", name=op.f("ck_account_credit_limit")),
        sa.CheckConstraint("length(id) BETWEEN 1 AND 40", name=op.f("ck_account_id")),
        sa.CheckConstraint("scale BETWEEN 0 AND 18", name=op.f("ck_account_scale")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
    )
    op.create_table(
        "balance",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "currency", name=op.f("pk_balance")),
    )
    op.create_table(
        "entry",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("memo", sa.String(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(hash) = 32", name=op.f("ck_entry_hash")),
        sa.CheckConstraint("seq > 0", name=op.f("ck_entry_seq")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_entry")),
        sa.UniqueConstraint("reference", name=op.f("uq_entry_reference")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.CheckConstraint("token > 0", name=op.f("ck_lease_token")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )
    op.create_table(
        "run",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("scale", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("period_start", sa.BigInteger(), nullable=False),
        sa.Column("period_end", sa.BigInteger(), nullable=False),
        sa.Column("journal_head", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "state IN ('posted', 'instructed', 'completed')", name=op.f("ck_run_state")
        ),
        sa.CheckConstraint("length(journal_head) = 32", name=op.f("ck_run_journal_head")),
        sa.CheckConstraint("number > 0", name=op.f("ck_run_number")),
        sa.CheckConstraint("period_start <= period_end", name=op.f("ck_run_period")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_run")),
    )
    op.create_index(op.f("ix_run_state"), "run", ["state"], unique=False)
    op.create_table(
        "token",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("length(secret_hash) = 32", name=op.f("ck_token_secret_hash")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_token_secret_hash")),
    )
    op.create_table(
        "device",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('active', 'suspended', 'revoked')", name=op.f("ck_device_status")
        ),
        sa.CheckConstraint("length(id) = 32", name=op.f("ck_device_id")),
        sa.CheckConstraint("length(public_key) = 32", name=op.f("ck_device_public_key")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_device_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint("public_key", name=op.f("uq_device_public_key")),
    )
    op.create_index(op.f("ix_device_account_id"), "device", ["account_id"], unique=False)
    op.create_table(
        "instruction",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("rail", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.CheckConstraint(
            "direction IN ('collect', 'pay')", name=op.f("ck_instruction_direction")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'submitted', 'done', 'failed')", name=op.f("ck_instruction_state")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_instruction_amount")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_instruction_account_id")
        ),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_instruction_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instruction")),
        sa.UniqueConstraint("run", "account_id", name=op.f("uq_instruction_run_account_id")),
    )
    op.create_index(op.f("ix_instruction_state"), "instruction", ["state"], unique=False)
    op.create_table(
        "position",
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("debits", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("carried", sa.BigInteger(), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("debits >= 0 AND credits >= 0", name=op.f("ck_position_sides")),
        sa.CheckConstraint("net = debits - credits + carried", name=op.f("ck_position_net")),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_position_account")),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_position_run")),
        sa.PrimaryKeyConstraint("run", "account", name=op.f("pk_position")),
    )
    op.create_table(
        "posting",
        sa.Column("entry_seq", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_posting_amount")),
        sa.ForeignKeyConstraint(["entry_seq"], ["entry.seq"], name=op.f("fk_posting_entry_seq")),
        sa.PrimaryKeyConstraint("entry_seq", "line", name=op.f("pk_posting")),
    )
    op.create_index(op.f("ix_posting_account"), "posting", ["account"], unique=False)
    op.create_table(
        "statement",
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_statement_account")),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_statement_run")),
        sa.PrimaryKeyConstraint("run", "account", name=op.f("pk_statement")),
    )
    op.create_table(
        "tariff",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("encoded", sa.LargeBinary(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("numerator", sa.BigInteger(), nullable=False),
        sa.Column("denominator", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("scale", sa.Integer(), nullable=False),
        sa.Column("pricing", sa.Integer(), nullable=False),
        sa.Column("payee_account", sa.String(), nullable=False),
        sa.Column("window_units", sa.BigInteger(), nullable=False),
        sa.Column("max_capacity", sa.BigInteger(), nullable=False),
        sa.Column("max_lifetime_s", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'retired')", name=op.f("ck_tariff_status")),
        sa.CheckConstraint("length(id) = 32", name=op.f("ck_tariff_id")),
        sa.CheckConstraint("numerator >= 0 AND denominator > 0", name=op.f("ck_tariff_price")),
        sa.CheckConstraint("pricing IN (0, 1)", name=op.f("ck_tariff_pricing")),
        sa.CheckConstraint("scale BETWEEN 0 AND 18", name=op.f("ck_tariff_scale")),
        sa.CheckConstraint(
            "window_units > 0 AND max_capacity > 0 AND max_lifetime_s > 0",
            name=op.f("ck_tariff_limits"),
        ),
        sa.ForeignKeyConstraint(
            ["payee_account"], ["account.id"], name=op.f("fk_tariff_payee_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff")),
    )
    op.create_index(
        "uq_tariff_name_active",
        "tariff",
        ["name"],
        unique=True,
        sqlite_where=sa.text("status = 'active'"),
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_table(
        "channel",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("payer_account", sa.String(), nullable=False),
        sa.Column("payee_account", sa.String(), nullable=False),
        sa.Column("tariff_id", sa.LargeBinary(), nullable=False),
        sa.Column("open_message", sa.LargeBinary(), nullable=False),
        sa.Column("opened_message", sa.LargeBinary(), nullable=False),
        sa.Column("capacity", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("window_units", sa.BigInteger(), nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("iou", sa.LargeBinary(), nullable=True),
        sa.Column("settled_amount", sa.BigInteger(), nullable=False),
        sa.Column("settled_units", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("close_reason", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(state = 'closed') = (closed_at IS NOT NULL)"
            " AND (state = 'closed') = (close_reason IS NOT NULL)",
            name=op.f("ck_channel_closed"),
        ),
        sa.CheckConstraint(
            "state <> 'closed' OR settled_amount = amount", name=op.f("ck_channel_final")
        ),
        sa.CheckConstraint("state IN ('open', 'frozen', 'closed')", name=op.f("ck_channel_state")),
        sa.CheckConstraint(
            "0 <= settled_amount AND settled_amount <= amount AND amount <= capacity",
            name=op.f("ck_channel_amounts"),
        ),
        sa.CheckConstraint(
            "0 <= settled_units AND settled_units <= units", name=op.f("ck_channel_units")
        ),
        sa.CheckConstraint("amount = 0 OR iou IS NOT NULL", name=op.f("ck_channel_iou")),
        sa.CheckConstraint("length(id) = 32", name=op.f("ck_channel_id")),
        sa.CheckConstraint("window_units > 0 AND serial >= 0", name=op.f("ck_channel_grant")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_channel_device_id")),
        sa.ForeignKeyConstraint(
            ["payee_account"], ["account.id"], name=op.f("fk_channel_payee_account")
        ),
        sa.ForeignKeyConstraint(
            ["payer_account"], ["account.id"], name=op.f("fk_channel_payer_account")
        ),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariff.id"], name=op.f("fk_channel_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_index(op.f("ix_channel_device_id"), "channel", ["device_id"], unique=False)
    op.create_index(op.f("ix_channel_payee_account"), "channel", ["payee_account"], unique=False)
    op.create_index(op.f("ix_channel_payer_account"), "channel", ["payer_account"], unique=False)
    op.create_index(op.f("ix_channel_state"), "channel", ["state"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("channel_id", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["channel.id"], name=op.f("fk_evidence_channel_id")
        ),
        sa.PrimaryKeyConstraint("channel_id", "id", name=op.f("pk_evidence")),
    )
    op.create_table(
        "interval",
        sa.Column("channel_id", sa.LargeBinary(), nullable=False),
        sa.Column("from_amount", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("to_amount", sa.BigInteger(), nullable=False),
        sa.Column("from_units", sa.BigInteger(), nullable=False),
        sa.Column("to_units", sa.BigInteger(), nullable=False),
        sa.Column("entry_seq", sa.BigInteger(), nullable=True),
        sa.Column("run", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "0 <= from_amount AND from_amount < to_amount", name=op.f("ck_interval_amounts")
        ),
        sa.CheckConstraint(
            "0 <= from_units AND from_units <= to_units", name=op.f("ck_interval_units")
        ),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["channel.id"], name=op.f("fk_interval_channel_id")
        ),
        sa.ForeignKeyConstraint(["entry_seq"], ["entry.seq"], name=op.f("fk_interval_entry_seq")),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_interval_run")),
        sa.PrimaryKeyConstraint("channel_id", "from_amount", name=op.f("pk_interval")),
        sa.UniqueConstraint(
            "channel_id", "to_amount", name=op.f("uq_interval_channel_id_to_amount")
        ),
    )
    op.create_index("ix_interval_run", "interval", ["run"], unique=False)
    op.execute("INSERT INTO meta (key, value) VALUES ('journal', '')")
    _make_journal_append_only()
