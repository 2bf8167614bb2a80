"""Tables of a gateway that was restored from a backup: the fence, and what it waits for.

Columns, keys and constraints only. A gateway whose books were never restored is of generation 1
and has no row here. Amounts are integer atomic units, times are Unix seconds.
"""

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field

from gateway.ledger import states
from gateway.store.tables import Base, one_of


class Generation(Base, table=True):
    """One restore; the row with the highest number says whether the gateway is fenced."""

    __table_args__ = (
        one_of("state", states.FENCE),
        CheckConstraint("number > 1", name="number"),
        CheckConstraint(
            "(state = 'lifted') = (lifted_at IS NOT NULL)"
            " AND (state = 'lifted') = (lifted_by IS NOT NULL)",
            name="lifted",
        ),
    )
    number: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    state: str = "fenced"
    # SHA-256 of the archive in hex; empty if a database was fenced where it stood.
    archive: str
    backup_at: int = Field(sa_type=BigInteger)
    restored_at: int = Field(sa_type=BigInteger)
    rail_at: int | None = Field(default=None, sa_type=BigInteger)
    rail_note: str = ""
    lifted_at: int | None = Field(default=None, sa_type=BigInteger)
    lifted_by: str | None = None


class Awaited(Base, table=True):
    """A channel that was open in the backup, until its device has shown its newest signed state."""

    __table_args__ = (
        one_of("state", states.AWAITED),
        CheckConstraint("(state = 'waiting') = (at IS NULL)", name="at"),
    )
    generation: int = Field(primary_key=True, foreign_key="generation.number", sa_type=BigInteger)
    channel_id: bytes = Field(primary_key=True, foreign_key="channel.id")
    state: str = Field(default="waiting", index=True)
    at: int | None = Field(default=None, sa_type=BigInteger)
    note: str = ""


class Found(Base, table=True):
    """What became of an instruction that these books lost, as the rail reports it.

    Its `run` is 0 if it was of a withdrawal.
    """

    __table_args__ = (
        one_of("direction", ("collect", "pay")),
        one_of("outcome", ("done", "failed")),
        CheckConstraint("amount > 0 AND run >= 0", name="amount"),
    )
    id: str = Field(primary_key=True)
    generation: int = Field(foreign_key="generation.number", sa_type=BigInteger)
    # No foreign key: the run is one that these books do not have.
    run: int = Field(sa_type=BigInteger)
    account_id: str = Field(foreign_key="account.id")
    direction: str
    amount: int = Field(sa_type=BigInteger)
    currency: str
    rail: str
    outcome: str
    note: str
    at: int = Field(sa_type=BigInteger)
