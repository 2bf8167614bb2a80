"""Tables of what happened, for operators: events, and which devices are there."""

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlmodel import Field

from gateway.store.tables import Base, one_of

LEVELS = ("info", "warning", "action")


class Event(Base, table=True):
    """Something that happened, written in the transaction that made it so; ids rise in the order of
    commits, and never come again. `action` is the level of what waits for a person. `subject` is
    the id of what it happened to, `account_id` whose affair it is (null: the gateway's alone),
    `data` JSON. Deleted when it is old."""

    __table_args__ = (
        one_of("level", LEVELS),
        CheckConstraint("id > 0", name="id"),
        Index("ix_event_subject_id", "subject", "id"),
        Index("ix_event_account_id_id", "account_id", "id"),
    )
    id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at: int = Field(sa_type=BigInteger)
    kind: str
    level: str
    subject: str
    account_id: str | None = None
    data: str


class Presence(Base, table=True):
    """Whether a device has been heard of lately, and since when that is so."""

    device_id: str = Field(primary_key=True, foreign_key="device.id")
    online: bool = Field(index=True)
    since: int = Field(sa_type=BigInteger)
