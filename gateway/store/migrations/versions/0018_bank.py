"""What banks said: files, bookings, and which instructions these were for."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema by this one step."""
    op.create_table(
        "bank_file",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("rail", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("taken_by", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(id) = 64", name=op.f("ck_bank_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_file")),
    )
    op.create_table(
        "booking",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("file_id", sa.String(), nullable=False),
        sa.Column("rail", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("booked_on", sa.String(), nullable=False),
        sa.Column("end_to_end", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("party", sa.String(), nullable=False),
        sa.Column("party_iban", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("assigned_by", sa.String(), nullable=True),
        sa.Column("assigned_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('matched', 'suspense', 'assigned')", name=op.f("ck_booking_state")
        ),
        sa.CheckConstraint("length(id) = 64", name=op.f("ck_booking_id")),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_booking_amount")),
        sa.CheckConstraint(
            "(state = 'assigned') = (assigned_by IS NOT NULL)"
            " AND (state = 'assigned') = (assigned_at IS NOT NULL)",
            name=op.f("ck_booking_assigned"),
        ),
        sa.ForeignKeyConstraint(["file_id"], ["bank_file.id"], name=op.f("fk_booking_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking")),
    )
    op.create_index(op.f("ix_booking_file_id"), "booking", ["file_id"], unique=False)
    op.create_index(op.f("ix_booking_state"), "booking", ["state"], unique=False)
    op.create_table(
        "booking_match",
        sa.Column("instruction_id", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("booking_id", sa.String(), nullable=False),
        sa.CheckConstraint("what IN ('payment', 'return')", name=op.f("ck_booking_match_what")),
        sa.ForeignKeyConstraint(
            ["instruction_id"], ["instruction.id"], name=op.f("fk_booking_match_instruction_id")
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name=op.f("fk_booking_match_booking_id")
        ),
        sa.PrimaryKeyConstraint("instruction_id", "what", name=op.f("pk_booking_match")),
    )
    op.create_index(
        op.f("ix_booking_match_booking_id"), "booking_match", ["booking_id"], unique=False
    )
