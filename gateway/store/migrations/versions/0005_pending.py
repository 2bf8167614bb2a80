"""Entries that must balance, pending ones, and where accounts are paid."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# (what is complete once it is there, its key, its lines, their key)
_BALANCED = (
    ("entry", "seq", "posting", "entry_seq"),
    ("pending", "id", "pending_posting", "pending_id"),
)
_SQLITE_BALANCED = """
CREATE TRIGGER {whole}_balanced BEFORE INSERT ON {whole}
WHEN NOT EXISTS (SELECT 1 FROM {lines} WHERE {ref} = NEW.{key})
  OR EXISTS (SELECT 1 FROM {lines} WHERE {ref} = NEW.{key}
             GROUP BY currency HAVING sum(amount) <> 0)
BEGIN SELECT RAISE(ABORT, '{whole} must have lines, and balance in each currency'); END
"""
_SQLITE_COMPLETE = """
CREATE TRIGGER {lines}_complete BEFORE INSERT ON {lines}
WHEN EXISTS (SELECT 1 FROM {whole} WHERE {key} = NEW.{ref})
BEGIN SELECT RAISE(ABORT, '{whole} is complete, and takes no further line'); END
"""
_SQLITE_APPEND_ONLY = """
CREATE TRIGGER {table}_no_{event} BEFORE {event} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
_SQLITE_DECIDED_ONCE = """
CREATE TRIGGER pending_decided_once BEFORE UPDATE ON pending
WHEN OLD.state <> 'pending' OR NEW.state = 'pending' OR NEW.id <> OLD.id
  OR NEW.kind <> OLD.kind OR NEW.reference <> OLD.reference OR NEW.memo <> OLD.memo
  OR NEW.created_at <> OLD.created_at
BEGIN SELECT RAISE(ABORT, 'pending is decided once, and changes in nothing else'); END
"""
_POSTGRES_BALANCED = """
CREATE FUNCTION {whole}_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM {lines} WHERE {ref} = NEW.{key})
     OR EXISTS (SELECT 1 FROM {lines} WHERE {ref} = NEW.{key}
                GROUP BY currency HAVING sum(amount) <> 0) THEN
    RAISE EXCEPTION '{whole} must have lines, and balance in each currency';
  END IF;
  RETURN NEW;
END $$
"""
_POSTGRES_COMPLETE = """
CREATE FUNCTION {whole}_is_complete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM {whole} WHERE {key} = NEW.{ref}) THEN
    RAISE EXCEPTION '{whole} is complete, and takes no further line';
  END IF;
  RETURN NEW;
END $$
"""
_POSTGRES_DECIDED_ONCE = """
CREATE FUNCTION pending_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state <> 'pending' OR NEW.state = 'pending' OR NEW.id <> OLD.id
     OR NEW.kind <> OLD.kind OR NEW.reference <> OLD.reference OR NEW.memo <> OLD.memo
     OR NEW.created_at <> OLD.created_at THEN
    RAISE EXCEPTION 'pending is decided once, and changes in nothing else';
  END IF;
  RETURN NEW;
END $$
"""


def _sqlite_triggers() -> None:
    for whole, key, lines, ref in _BALANCED:
        for template in (_SQLITE_BALANCED, _SQLITE_COMPLETE):
            op.execute(template.format(whole=whole, key=key, lines=lines, ref=ref))
    # The first two went with the table that was made anew.
    for table, event in (
        ("posting", "update"),
        ("posting", "delete"),
        ("pending", "delete"),
        ("pending_posting", "update"),
        ("pending_posting", "delete"),
    ):
        op.execute(_SQLITE_APPEND_ONLY.format(table=table, event=event))
    op.execute(_SQLITE_DECIDED_ONCE)


def _postgres_triggers() -> None:
    for whole, key, lines, ref in _BALANCED:
        for template in (_POSTGRES_BALANCED, _POSTGRES_COMPLETE):
            op.execute(template.format(whole=whole, key=key, lines=lines, ref=ref))
        op.execute(
            f"CREATE TRIGGER {whole}_balanced BEFORE INSERT ON {whole}"
            f" FOR EACH ROW EXECUTE FUNCTION {whole}_must_balance()"
        )
        op.execute(
            f"CREATE TRIGGER {lines}_complete BEFORE INSERT ON {lines}"
            f" FOR EACH ROW EXECUTE FUNCTION {whole}_is_complete()"
        )
    for table, events in (
        ("pending", "DELETE OR TRUNCATE"),
        ("pending_posting", "UPDATE OR DELETE OR TRUNCATE"),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE {events} ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(_POSTGRES_DECIDED_ONCE)
    op.execute(
        "CREATE TRIGGER pending_decided_once BEFORE UPDATE ON pending"
        " FOR EACH ROW EXECUTE FUNCTION pending_decided_once()"
    )


def _defer_the_posting_key() -> None:
    name = op.f("fk_posting_entry_seq")
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("posting", recreate="always") as batch:
            batch.drop_constraint(name, type_="foreignkey")
            batch.create_foreign_key(
                name, "entry", ["entry_seq"], ["seq"], deferrable=True, initially="DEFERRED"
            )
    else:
        op.execute(f"ALTER TABLE posting ALTER CONSTRAINT {name} DEFERRABLE INITIALLY DEFERRED")


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    _defer_the_posting_key()
    op.create_table(
        "pending",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("memo", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("entry_seq", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'posted', 'voided')", name=op.f("ck_pending_state")
        ),
        sa.CheckConstraint("id > 0", name=op.f("ck_pending_id")),
        sa.CheckConstraint(
            "(state = 'pending') = (decided_at IS NULL)", name=op.f("ck_pending_decided")
        ),
        sa.CheckConstraint(
            "(state = 'posted') = (entry_seq IS NOT NULL)", name=op.f("ck_pending_entry")
        ),
        sa.ForeignKeyConstraint(["entry_seq"], ["entry.seq"], name=op.f("fk_pending_entry_seq")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending")),
        sa.UniqueConstraint("reference", name=op.f("uq_pending_reference")),
        sa.UniqueConstraint("entry_seq", name=op.f("uq_pending_entry_seq")),
    )
    op.create_index(op.f("ix_pending_state"), "pending", ["state"], unique=False)
    op.create_table(
        "pending_posting",
        sa.Column("pending_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_pending_posting_amount")),
        sa.ForeignKeyConstraint(
            ["pending_id"],
            ["pending.id"],
            name=op.f("fk_pending_posting_pending_id"),
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.PrimaryKeyConstraint("pending_id", "line", name=op.f("pk_pending_posting")),
    )
    op.create_index(
        op.f("ix_pending_posting_account"), "pending_posting", ["account"], unique=False
    )
    op.create_table(
        "payout_account",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("rail", sa.String(), nullable=False),
        sa.Column("details", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("proposed_by", sa.String(), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.Column("active_from", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('proposed', 'active', 'retired', 'rejected')",
            name=op.f("ck_payout_account_state"),
        ),
        sa.CheckConstraint(
            "(state IN ('active', 'retired')) = (approved_by IS NOT NULL)"
            " AND (approved_by IS NULL) = (approved_at IS NULL)"
            " AND (approved_by IS NULL) = (active_from IS NULL)",
            name=op.f("ck_payout_account_approved"),
        ),
        sa.CheckConstraint(
            "approved_by <> proposed_by", name=op.f("ck_payout_account_two_persons")
        ),
        sa.CheckConstraint("active_from >= approved_at", name=op.f("ck_payout_account_cooling")),
        sa.CheckConstraint(
            "(state IN ('retired', 'rejected')) = (ended_by IS NOT NULL)"
            " AND (ended_by IS NULL) = (ended_at IS NULL)",
            name=op.f("ck_payout_account_ended"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_payout_account_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_account")),
    )
    op.create_index(
        op.f("ix_payout_account_account_id"), "payout_account", ["account_id"], unique=False
    )
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_triggers()
    else:
        _postgres_triggers()
