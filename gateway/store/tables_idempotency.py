"""The table of requests that must have one effect however often they are repeated."""

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field

from gateway.store.tables import Base


class Idempotency(Base, table=True):
    """A request under the key that its sender gave it, and its answer once there is one."""

    __table_args__ = (CheckConstraint("length(request_hash) = 32", name="request_hash"),)
    owner: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request_hash: bytes
    begun_at: int = Field(sa_type=BigInteger)
    answer: str | None = None
