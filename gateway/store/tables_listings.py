"""The table of what devices sell.

Columns, keys and constraints only. Amounts are integer atomic units, times are Unix seconds.
"""

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field

from gateway.ledger import states
from gateway.store.tables import Base, one_of


class Listing(Base, table=True):
    """What one device sells, as it signed it; its id is the hash of what was signed."""

    __table_args__ = (
        one_of("state", states.LISTING),
        CheckConstraint("length(id) = 32", name="id"),
        CheckConstraint(
            "max_capacity > 0 AND window_units > 0 AND max_lifetime_s > 0", name="limits"
        ),
        CheckConstraint("fee_bp BETWEEN 0 AND 9999", name="fee_bp"),
    )
    id: bytes = Field(primary_key=True)
    device_id: str = Field(foreign_key="device.id", index=True)
    tariff_id: bytes = Field(foreign_key="tariff.id")
    unit: str = Field(index=True)
    message: bytes
    max_capacity: int = Field(sa_type=BigInteger)
    window_units: int = Field(sa_type=BigInteger)
    max_lifetime_s: int = Field(sa_type=BigInteger)
    fee_bp: int
    state: str = "listed"
    created_at: int = Field(sa_type=BigInteger)
