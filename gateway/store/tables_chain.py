"""Tables of what was last seen of a chain: a copy, for people, that decides nothing about money.

Columns, keys and constraints only. Amounts are in units of the contract; wei, of which there may be
more than 2^63, are digits. Times are Unix seconds.
"""

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field

from gateway.settlement.rails.onchain import TRANSACTION_STATES
from gateway.store.tables import Base, one_of


class Chain(Base, table=True):
    """The last look at the contract of a rail: what the nodes said of themselves, as JSON, and what
    they agreed on when they last did. Deposits are known up to block `scanned`, which is final."""

    rail: str = Field(primary_key=True)
    chain_id: int = Field(sa_type=BigInteger)
    contract: str
    looked_at: int = Field(sa_type=BigInteger)
    nodes: str
    trouble: str
    seen_at: int | None = Field(default=None, sa_type=BigInteger)
    head: int | None = Field(default=None, sa_type=BigInteger)
    head_at: int | None = Field(default=None, sa_type=BigInteger)
    confirmed: int | None = Field(default=None, sa_type=BigInteger)
    token: str | None = None
    signer: str | None = None
    balance: str | None = None
    settlements: int | None = Field(default=None, sa_type=BigInteger)
    recorded: int | None = Field(default=None, sa_type=BigInteger)
    bond: int | None = Field(default=None, sa_type=BigInteger)
    held: int | None = Field(default=None, sa_type=BigInteger)
    paused: bool | None = None
    scanned: int | None = Field(default=None, sa_type=BigInteger)


class ChainDeposit(Base, table=True):
    """One deposit in the contract, by the place of its log in the chain."""

    __tablename__ = "chain_deposit"
    __table_args__ = (CheckConstraint("units > 0", name="units"),)
    rail: str = Field(primary_key=True, foreign_key="chain.rail")
    block: int = Field(primary_key=True, sa_type=BigInteger)
    position: int = Field(primary_key=True, sa_type=BigInteger)
    at: int = Field(sa_type=BigInteger)
    transaction: str
    owner: str = Field(index=True)
    units: int = Field(sa_type=BigInteger)


class ChainTransaction(Base, table=True):
    """One transaction that was sent for a settlement, and what became of it."""

    __tablename__ = "chain_transaction"
    __table_args__ = (one_of("state", TRANSACTION_STATES),)
    rail: str = Field(primary_key=True, foreign_key="chain.rail")
    settlement: int = Field(primary_key=True, sa_type=BigInteger)
    place: int = Field(primary_key=True, sa_type=BigInteger)
    batch: str = Field(index=True)
    hash: str
    nonce: int = Field(sa_type=BigInteger)
    state: str
    block: int | None = Field(default=None, sa_type=BigInteger)
    gas: int | None = Field(default=None, sa_type=BigInteger)
    fee: str | None = None
    decided: bool
