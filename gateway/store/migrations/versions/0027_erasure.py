"""Records of the audit log whose details can be erased, and accounts that are.

The records that there are get a commitment to their details, so their hashes change: a file of the
log from before this step does not fit the log any more.
"""

import hashlib
import secrets

import sqlalchemy as sa
from alembic import op

from protocol import cbor

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_FIXED = ("seq", "at", "who", "action", "subject", "committed", "hash")
_ONLY_ERASED = (
    "OLD.salt IS NULL OR NEW.salt IS NOT NULL"
    " OR NEW.before <> '' OR NEW.after <> '' OR NEW.why <> ''"
) + "".join(f" OR NEW.{column} <> OLD.{column}" for column in _FIXED)
_REFUSAL = "audit is append-only, save that details are erased"
_SQLITE_UPDATE = f"""
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit WHEN {_ONLY_ERASED}
BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END
"""
_SQLITE_DELETE = """
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END
"""
_POSTGRES_FUNCTION = f"""
CREATE FUNCTION audit_only_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF {_ONLY_ERASED} THEN
    RAISE EXCEPTION '{_REFUSAL}';
  END IF;
  RETURN NEW;
END $$
"""


def _drop_triggers(sqlite: bool) -> None:
    if sqlite:
        for event in ("update", "delete"):
            op.execute(f"DROP TRIGGER audit_no_{event}")
    else:
        op.execute("DROP TRIGGER audit_append_only ON audit")


def _create_triggers(sqlite: bool) -> None:
    if sqlite:
        op.execute(_SQLITE_UPDATE)
        op.execute(_SQLITE_DELETE)
        return
    op.execute(_POSTGRES_FUNCTION)
    op.execute(
        "CREATE TRIGGER audit_only_erased BEFORE UPDATE ON audit"
        " FOR EACH ROW EXECUTE FUNCTION audit_only_erased()"
    )
    op.execute(
        "CREATE TRIGGER audit_append_only BEFORE DELETE OR TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def _commit_to_details() -> None:
    conn = op.get_bind()
    names = ("seq", "at", "who", "action", "subject", "before", "after", "why")
    audit = sa.table("audit", *map(sa.column, (*names, "salt", "committed", "hash")))
    previous, seq = bytes(32), 0
    while True:
        query = sa.select(audit).where(audit.c.seq > seq).order_by(audit.c.seq).limit(1000)
        rows = conn.execute(query).all()
        if not rows:
            return
        for row in rows:
            seq, salt = row.seq, secrets.token_bytes(16)
            said = cbor.encode([row.before, row.after, row.why])
            committed = hashlib.sha256(salt + said).digest()
            fields = {1: row.at, 2: row.who, 3: row.action, 4: row.subject, 5: committed}
            previous = hashlib.sha256(previous + cbor.encode(fields)).digest()
            values = {"salt": salt, "committed": committed, "hash": previous}
            conn.execute(sa.update(audit).where(audit.c.seq == seq).values(**values))


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    _drop_triggers(sqlite)
    with op.batch_alter_table("audit") as batch:
        batch.add_column(sa.Column("salt", sa.LargeBinary(), nullable=True))
        batch.add_column(sa.Column("committed", sa.LargeBinary(), nullable=True))
    _commit_to_details()
    with op.batch_alter_table("audit") as batch:
        batch.alter_column("committed", existing_type=sa.LargeBinary(), nullable=False)
        batch.create_check_constraint(op.f("ck_audit_committed"), "length(committed) = 32")
        batch.create_check_constraint(
            op.f("ck_audit_erased"),
            "salt IS NOT NULL OR (before = '' AND after = '' AND why = '')",
        )
    _create_triggers(sqlite)
    op.add_column("account", sa.Column("erased_at", sa.BigInteger(), nullable=True))
