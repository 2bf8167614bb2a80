"""Tables of prices that change: the legs of channels, and which tariff follows which, and when.

Times are Unix seconds, amounts are atomic units.
"""

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field

from gateway.store.tables import Base


class Leg(Base, table=True):
    """The payer's signed word that beyond (amount, units) a channel's units cost what another
    tariff says. Rows are never changed, and triggers that the migrations create let a channel's
    `leg` be raised only to one of them."""

    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("amount >= 0 AND units >= 0", name="base"),
    )
    channel_id: bytes = Field(primary_key=True, foreign_key="channel.id")
    number: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    tariff_id: bytes = Field(foreign_key="tariff.id")
    amount: int = Field(sa_type=BigInteger)
    units: int = Field(sa_type=BigInteger)
    message: bytes
    at: int = Field(sa_type=BigInteger)


class Follower(Base, table=True):
    """The tariff that open channels of another are to go over to, since when, and for how many
    seconds from then on more is granted at the one before. `ended_at`: by then it was ended on all
    channels that had not gone over."""

    __table_args__ = (
        CheckConstraint("tariff_id <> follower_id", name="another"),
        CheckConstraint("grace_s >= 0", name="grace"),
    )
    tariff_id: bytes = Field(primary_key=True, foreign_key="tariff.id")
    follower_id: bytes = Field(foreign_key="tariff.id")
    since: int = Field(sa_type=BigInteger)
    grace_s: int = Field(sa_type=BigInteger, sa_column_kwargs={"server_default": "3600"})
    ended_at: int | None = Field(default=None, sa_type=BigInteger)


class Band(Base, table=True):
    """A time of use: whenever `cron`, five fields of a time in `time_zone`, falls due, one tariff
    follows the other, with that grace. `served_until`: what fell due up to then was done."""

    __table_args__ = (
        CheckConstraint("tariff_id <> follower_id", name="another"),
        CheckConstraint("grace_s >= 0", name="grace"),
    )
    tariff_id: bytes = Field(primary_key=True, foreign_key="tariff.id")
    follower_id: bytes = Field(primary_key=True, foreign_key="tariff.id")
    cron: str = Field(primary_key=True)
    time_zone: str = Field(primary_key=True)
    served_until: int = Field(sa_type=BigInteger)
    grace_s: int = Field(sa_type=BigInteger, sa_column_kwargs={"server_default": "3600"})
