"""The table of what devices are still to be told."""

from sqlalchemy import BigInteger
from sqlmodel import Field

from gateway.store.tables import Base, one_of


class Notice(Base, table=True):
    """Something a device is to be told of a channel, composed when it is sent: `grant` after an
    operator's decision, `receipt` after a close that no device asked for, `run` (no channel) for
    the receipts of a whole settlement run. Written in the transaction that makes it true, deleted
    once it is sent."""

    __table_args__ = (one_of("kind", ("grant", "receipt", "run")),)
    id: int | None = Field(default=None, primary_key=True)
    kind: str
    channel_id: bytes | None = Field(default=None, foreign_key="channel.id")
    run: int | None = Field(default=None, foreign_key="run.number", sa_type=BigInteger)
