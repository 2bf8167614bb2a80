"""What was last seen of a chain: the contract, its deposits, and the rail's transactions."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.create_table(
        "chain",
        sa.Column("rail", sa.String(), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.String(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("nodes", sa.String(), nullable=False),
        sa.Column("trouble", sa.String(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.Column("head", sa.BigInteger(), nullable=True),
        sa.Column("head_at", sa.BigInteger(), nullable=True),
        sa.Column("confirmed", sa.BigInteger(), nullable=True),
        sa.Column("token", sa.String(), nullable=True),
        sa.Column("signer", sa.String(), nullable=True),
        sa.Column("balance", sa.String(), nullable=True),
        sa.Column("settlements", sa.BigInteger(), nullable=True),
        sa.Column("recorded", sa.BigInteger(), nullable=True),
        sa.Column("bond", sa.BigInteger(), nullable=True),
        sa.Column("held", sa.BigInteger(), nullable=True),
        sa.Column("paused", sa.Boolean(), nullable=True),
        sa.Column("scanned", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("rail", name=op.f("pk_chain")),
    )
    op.create_table(
        "chain_deposit",
        sa.Column("rail", sa.String(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("transaction", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("units > 0", name=op.f("ck_chain_deposit_units")),
        sa.ForeignKeyConstraint(["rail"], ["chain.rail"], name=op.f("fk_chain_deposit_rail")),
        sa.PrimaryKeyConstraint("rail", "block", "position", name=op.f("pk_chain_deposit")),
    )
    op.create_index(op.f("ix_chain_deposit_owner"), "chain_deposit", ["owner"], unique=False)
    op.create_table(
        "chain_transaction",
        sa.Column("rail", sa.String(), nullable=False),
        sa.Column("settlement", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("batch", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=True),
        sa.Column("gas", sa.BigInteger(), nullable=True),
        sa.Column("fee", sa.String(), nullable=True),
        sa.Column("decided", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "state IN ('sent', 'mined', 'final', 'reverted', 'replaced', 'dropped')",
            name=op.f("ck_chain_transaction_state"),
        ),
        sa.ForeignKeyConstraint(["rail"], ["chain.rail"], name=op.f("fk_chain_transaction_rail")),
        sa.PrimaryKeyConstraint("rail", "settlement", "place", name=op.f("pk_chain_transaction")),
    )
    op.create_index(
        op.f("ix_chain_transaction_batch"), "chain_transaction", ["batch"], unique=False
    )
