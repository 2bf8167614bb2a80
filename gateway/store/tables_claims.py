"""The table of one-time codes by which devices are registered.

Columns and constraints only; queries are in `claims`. Times are Unix seconds.
"""

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field

from gateway.store.tables import Base


class Claim(Base, table=True):
    """A code that registers one device for an account; only the code's hash is kept."""

    __table_args__ = (
        CheckConstraint("length(code_hash) = 32", name="code_hash"),
        CheckConstraint("expires_at > created_at", name="expires_at"),
        # Used is used by a device, once; what was revoked was not used.
        CheckConstraint("(used_at IS NULL) = (device_id IS NULL)", name="used"),
        CheckConstraint("used_at IS NULL OR revoked_at IS NULL", name="revoked"),
    )
    id: str = Field(primary_key=True)
    code_hash: bytes = Field(unique=True)
    account_id: str = Field(foreign_key="account.id", index=True)
    made_by: str
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    used_at: int | None = Field(default=None, sa_type=BigInteger)
    device_id: str | None = Field(default=None, foreign_key="device.id")
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)
