"""People, their sessions and links; who made a token, and what it is for."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_ROLES = "role IN ('viewer', 'operator', 'finance', 'admin', 'owner')"
_STATES = "state IN ('invited', 'active', 'disabled')"
_SECOND_FACTOR = "state <> 'active' OR role NOT IN ('finance', 'admin') OR totp_secret IS NOT NULL"


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.create_table(
        "person",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), nullable=False),
        sa.Column("invited_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(_ROLES, name=op.f("ck_person_role")),
        sa.CheckConstraint(_STATES, name=op.f("ck_person_state")),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 40", name=op.f("ck_person_name")),
        sa.CheckConstraint(
            "state <> 'active' OR password_hash IS NOT NULL", name=op.f("ck_person_password")
        ),
        sa.CheckConstraint(_SECOND_FACTOR, name=op.f("ck_person_second_factor")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_person")),
    )
    _of_people()
    op.create_table(
        "token_account",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_token_account_account")),
        sa.ForeignKeyConstraint(["token"], ["token.id"], name=op.f("fk_token_account_token")),
        sa.PrimaryKeyConstraint("token", "account", name=op.f("pk_token_account")),
    )
    for name in ("made_by", "scopes"):
        op.add_column("token", sa.Column(name, sa.String(), nullable=False, server_default=""))
    # Whoever repeats a request across the upgrade is known by the same name still.
    op.execute("UPDATE idempotency SET owner = 'token:' || owner")


def _of_people() -> None:
    op.create_table(
        "person_account",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["account.id"], name=op.f("fk_person_account_account")
        ),
        sa.ForeignKeyConstraint(["person"], ["person.name"], name=op.f("fk_person_account_person")),
        sa.PrimaryKeyConstraint("person", "account", name=op.f("pk_person_account")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("length(code_hash) = 32", name=op.f("ck_recovery_code_code_hash")),
        sa.ForeignKeyConstraint(["person"], ["person.name"], name=op.f("fk_recovery_code_person")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_recovery_code")),
    )
    op.create_index(op.f("ix_recovery_code_person"), "recovery_code", ["person"], unique=False)
    op.create_table(
        "welcome",
        sa.Column("link_hash", sa.LargeBinary(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("length(link_hash) = 32", name=op.f("ck_welcome_link_hash")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_welcome_expires_at")),
        sa.ForeignKeyConstraint(["person"], ["person.name"], name=op.f("fk_welcome_person")),
        sa.PrimaryKeyConstraint("link_hash", name=op.f("pk_welcome")),
    )
    op.create_index(op.f("ix_welcome_person"), "welcome", ["person"], unique=False)
    op.create_table(
        "session",
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("length(secret_hash) = 32", name=op.f("ck_session_secret_hash")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_session_expires_at")),
        sa.ForeignKeyConstraint(["person"], ["person.name"], name=op.f("fk_session_person")),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_session")),
    )
    op.create_index(op.f("ix_session_person"), "session", ["person"], unique=False)
