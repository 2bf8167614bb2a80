"""Tables of webhooks, and of what was sent to them."""

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlmodel import Field

from gateway.store.tables import Base, one_of


class Webhook(Base, table=True):
    """Where events are sent. `kinds` are the kinds of events, parted by blanks, all if there are
    none; `position` is the last event that was looked at. `sealed` is its secret as it is kept, the
    one in `old_sealed` signs too until `old_until`.
    `failing_since` is when the first of the attempts failed that have failed ever since."""

    __table_args__ = (
        one_of("state", ("enabled", "disabled")),
        CheckConstraint("(old_sealed IS NULL) = (old_until IS NULL)", name="old_secret"),
    )
    id: str = Field(primary_key=True)
    url: str
    kinds: str
    loopback: bool
    sealed: str
    old_sealed: str | None = None
    old_until: int | None = Field(default=None, sa_type=BigInteger)
    state: str = "enabled"
    position: int = Field(sa_type=BigInteger)
    failing_since: int | None = Field(default=None, sa_type=BigInteger)
    made_by: str
    created_at: int = Field(sa_type=BigInteger)


class Delivery(Base, table=True):
    """One event on its way to a webhook: `body` is what is sent, `said` what came of the last
    attempt."""

    __table_args__ = (
        one_of("state", ("waiting", "delivered", "failed")),
        Index("ix_delivery_state_next_at", "state", "next_at"),
    )
    webhook_id: str = Field(primary_key=True, foreign_key="webhook.id")
    event_id: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    state: str = "waiting"
    body: str
    attempts: int = 0
    next_at: int = Field(sa_type=BigInteger)
    said: str = ""
    at: int | None = Field(default=None, sa_type=BigInteger)
