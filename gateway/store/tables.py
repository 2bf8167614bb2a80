"""Tables of parties and channels: who may owe what to whom, and up to which mark.

Columns, keys and constraints only; queries are in the modules named after their purpose, and
the tables of the books are in `tables_books`. All amounts are integer atomic units of the
account's currency, all times are Unix seconds, below 2^63.
"""

from collections.abc import Iterable

from sqlalchemy import BigInteger, CheckConstraint, Index, MetaData, text
from sqlmodel import Field, SQLModel

from gateway.ledger import states


class Base(SQLModel):
    """What all tables share: one metadata whose constraints have predictable names."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """A check that a text column holds one of these values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Account(Base, table=True):
    """An owner of devices, in one currency; the only thing that money is settled with."""

    __table_args__ = (
        one_of("status", ("active", "closed")),
        CheckConstraint("length(id) BETWEEN 1 AND 40", name="id"),
        CheckConstraint("scale BETWEEN 0 AND 18", name="scale"),
        CheckConstraint("credit_limit >= 0", name="credit_limit"),
    )
    id: str = Field(primary_key=True)
    name: str
    currency: str
    scale: int
    credit_limit: int = Field(sa_type=BigInteger)
    status: str = "active"
    created_at: int = Field(sa_type=BigInteger)
    # When its person's data were erased; it stays closed.
    erased_at: int | None = Field(default=None, sa_type=BigInteger)


class Device(Base, table=True):
    """A machine with a key of its own."""

    __table_args__ = (
        one_of("status", states.DEVICE),
        CheckConstraint("length(id) = 32", name="id"),
        CheckConstraint("length(public_key) = 32", name="public_key"),
    )
    id: str = Field(primary_key=True)
    public_key: bytes = Field(unique=True)
    account_id: str = Field(foreign_key="account.id", index=True)
    name: str
    status: str = "active"
    created_at: int = Field(sa_type=BigInteger)


class Belief(Base, table=True):
    """The gateway's key that a device has last shown to believe, once a first one was followed."""

    __table_args__ = (CheckConstraint("length(gateway_key) = 32", name="gateway_key"),)
    device_id: str = Field(primary_key=True, foreign_key="device.id")
    gateway_key: bytes


class Tariff(Base, table=True):
    """A price list entry; immutable once written, save for being retired."""

    __table_args__ = (
        one_of("status", ("active", "retired")),
        CheckConstraint("length(id) = 32", name="id"),
        CheckConstraint("numerator >= 0 AND denominator > 0", name="price"),
        CheckConstraint("scale BETWEEN 0 AND 18", name="scale"),
        CheckConstraint("pricing IN (0, 1)", name="pricing"),
        CheckConstraint(
            "session_fee >= 0 AND (session_fee = 0 OR pricing = 0)", name="session_fee"
        ),
        CheckConstraint(
            "window_units > 0 AND max_capacity > 0 AND max_lifetime_s > 0", name="limits"
        ),
        CheckConstraint(
            "fee_fixed >= 0 AND fee_bp BETWEEN 0 AND 10000"
            " AND (fee_fixed = 0 AND fee_bp = 0) = (fee_account IS NULL)",
            name="fees",
        ),
        # A name may be used again once the tariff that had it is retired.
        Index(
            "uq_tariff_name_active",
            "name",
            unique=True,
            sqlite_where=text("status = 'active'"),
            postgresql_where=text("status = 'active'"),
        ),
    )
    id: bytes = Field(primary_key=True)
    name: str
    encoded: bytes
    unit: str
    numerator: int = Field(sa_type=BigInteger)
    denominator: int = Field(sa_type=BigInteger)
    currency: str
    scale: int
    pricing: int
    # What comes to the price with the first unit of a channel.
    session_fee: int = Field(
        default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"}
    )
    payee_account: str = Field(foreign_key="account.id")
    # What the payee pays for each interval that is posted, and who earns it; not part of the price.
    fee_fixed: int = Field(default=0, sa_type=BigInteger)
    fee_bp: int = 0
    fee_account: str | None = Field(default=None, foreign_key="account.id")
    window_units: int = Field(sa_type=BigInteger)
    max_capacity: int = Field(sa_type=BigInteger)
    max_lifetime_s: int = Field(sa_type=BigInteger)
    status: str = "active"
    created_at: int = Field(sa_type=BigInteger)


class Channel(Base, table=True):
    """A payment channel; (amount, units) is its mark, proven by the IOU and, where its payer has
    ticked since, by the value of the IOU's chain at `tick_index`: its whole money state."""

    __table_args__ = (
        one_of("state", states.CHANNEL),
        CheckConstraint("length(id) = 32", name="id"),
        CheckConstraint(
            "0 <= settled_amount AND settled_amount <= amount AND amount <= capacity",
            name="amounts",
        ),
        CheckConstraint("0 <= settled_units AND settled_units <= units", name="units"),
        CheckConstraint("window_units > 0 AND serial >= 0", name="grant"),
        # A claim needs the payer's signature: no mark without an IOU.
        CheckConstraint("amount = 0 OR iou IS NOT NULL", name="iou"),
        CheckConstraint("tick_index >= 0", name="tick_index"),
        CheckConstraint("(tick_index = 0) = (tick_preimage IS NULL)", name="tick_preimage"),
        CheckConstraint(
            "(state = 'closed') = (closed_at IS NOT NULL)"
            " AND (state = 'closed') = (close_reason IS NOT NULL)",
            name="closed",
        ),
        # A close posts what is left, so nothing unsettled can hide on a closed channel.
        CheckConstraint("state <> 'closed' OR settled_amount = amount", name="final"),
        CheckConstraint("ended_units BETWEEN 0 AND units", name="ended_units"),
        CheckConstraint("(mirror_of IS NULL) = (mirror_fee_bp IS NULL)", name="mirror"),
        Index("uq_channel_mirror_of", "mirror_of", unique=True),
        # What one channel's IOUs have claimed is none of another's.
        Index(
            "uq_channel_xrpl_channel",
            "device_id",
            "xrpl_channel",
            unique=True,
            sqlite_where=text("xrpl_channel IS NOT NULL"),
            postgresql_where=text("xrpl_channel IS NOT NULL"),
        ),
        # In the order in which a run cuts them.
        Index("ix_channel_payer_account", "payer_account", "id"),
        # Room on each page to raise marks in place, without touching the indexes.
        {"postgresql_with": {"fillfactor": 50}},
    )
    id: bytes = Field(primary_key=True)
    device_id: str = Field(foreign_key="device.id", index=True)
    payer_account: str = Field(foreign_key="account.id")
    payee_account: str = Field(foreign_key="account.id", index=True)
    tariff_id: bytes = Field(foreign_key="tariff.id")
    open_message: bytes
    opened_message: bytes
    capacity: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    window_units: int = Field(sa_type=BigInteger)
    serial: int = Field(default=0, sa_type=BigInteger)
    state: str = Field(default="open", index=True)
    amount: int = Field(default=0, sa_type=BigInteger)
    units: int = Field(default=0, sa_type=BigInteger)
    iou: bytes | None = None
    tick_index: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    tick_preimage: bytes | None = None
    settled_amount: int = Field(default=0, sa_type=BigInteger)
    settled_units: int = Field(default=0, sa_type=BigInteger)
    opened_at: int = Field(sa_type=BigInteger)
    # The leg that it is on, 0 while it is on the tariff of its terms.
    leg: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    # The units of its mark when the price that it is on ended, while no other has taken its place.
    ended_units: int | None = Field(default=None, sa_type=BigInteger)
    closed_at: int | None = Field(default=None, sa_type=BigInteger)
    close_reason: str | None = None
    # Of a mirror: the payer's channel that it mirrors, and the fee between the two. Its device is
    # the payee, and its IOUs are the gateway's credits.
    mirror_of: bytes | None = Field(default=None, foreign_key="channel.id")
    mirror_fee_bp: int | None = None
    # The XRPL channel that its terms name: its IOUs are claims on that.
    xrpl_channel: bytes | None = None


class Topup(Base, table=True):
    """The payer's signed word that a channel may owe more than before. Rows are never changed, and
    triggers that the migrations create let a channel's capacity be raised only to one of them."""

    __table_args__ = (CheckConstraint("from_capacity < capacity", name="rises"),)
    channel_id: bytes = Field(primary_key=True, foreign_key="channel.id")
    capacity: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    from_capacity: int = Field(sa_type=BigInteger)
    message: bytes
    at: int = Field(sa_type=BigInteger)


class Evidence(Base, table=True):
    """A message kept because it proves something wrong; its id is its SHA-256 in hex."""

    channel_id: bytes = Field(primary_key=True, foreign_key="channel.id")
    id: str = Field(primary_key=True)
    kind: str
    message: bytes
    found_at: int = Field(sa_type=BigInteger)


class Token(Base, table=True):
    """A program's access to the API; only the hash of its secret is kept. `made_by` is whom the
    books name for it, empty if that was not kept yet; `scopes` are words with a space between,
    empty for all."""

    __table_args__ = (CheckConstraint("length(secret_hash) = 32", name="secret_hash"),)
    id: str = Field(primary_key=True)
    name: str
    role: str
    secret_hash: bytes = Field(unique=True)
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)
    made_by: str = Field(default="", sa_column_kwargs={"server_default": ""})
    scopes: str = Field(default="", sa_column_kwargs={"server_default": ""})


class TokenAccount(Base, table=True):
    """An account that a token of an owner sees."""

    __tablename__ = "token_account"
    token: str = Field(primary_key=True, foreign_key="token.id")
    account: str = Field(primary_key=True, foreign_key="account.id")


class Lease(Base, table=True):
    """Who may write a shard: the holder of its highest fencing token."""

    __table_args__ = (CheckConstraint("token > 0", name="token"),)
    name: str = Field(primary_key=True)
    token: int = Field(sa_type=BigInteger)
    holder: str


class Meta(Base, table=True):
    """Facts about this database itself, and the row that journal writers lock."""

    key: str = Field(primary_key=True)
    value: str
