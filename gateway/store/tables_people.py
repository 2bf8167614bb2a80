"""Tables of people: who may come in, by what, and who is in.

Columns and constraints only; queries are in `people` and `sessions`. Times are Unix seconds.
"""

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field

from gateway.store.tables import Base, one_of


class Person(Base, table=True):
    """Somebody who logs in. Nobody is ever deleted, so a name in the books is always the same
    person's. `totp_secret` is encrypted; `totp_step` is the last step that a code was taken of."""

    __table_args__ = (
        one_of("role", ("viewer", "operator", "finance", "admin", "owner")),
        one_of("state", ("invited", "active", "disabled")),
        CheckConstraint("length(name) BETWEEN 1 AND 40", name="name"),
        CheckConstraint("state <> 'active' OR password_hash IS NOT NULL", name="password"),
        CheckConstraint(
            "state <> 'active' OR role NOT IN ('finance', 'admin') OR totp_secret IS NOT NULL",
            name="second_factor",
        ),
    )
    name: str = Field(primary_key=True)
    role: str
    state: str = "invited"
    password_hash: str | None = None
    totp_secret: bytes | None = None
    totp_step: int = Field(default=0, sa_type=BigInteger)
    invited_by: str
    created_at: int = Field(sa_type=BigInteger)


class PersonAccount(Base, table=True):
    """An account that an owner sees."""

    __tablename__ = "person_account"
    person: str = Field(primary_key=True, foreign_key="person.name")
    account: str = Field(primary_key=True, foreign_key="account.id")


class RecoveryCode(Base, table=True):
    """What a person may give once instead of a code; only its hash is kept."""

    __tablename__ = "recovery_code"
    __table_args__ = (CheckConstraint("length(code_hash) = 32", name="code_hash"),)
    code_hash: bytes = Field(primary_key=True)
    person: str = Field(foreign_key="person.name", index=True)
    used_at: int | None = Field(default=None, sa_type=BigInteger)


class Welcome(Base, table=True):
    """A link by which a person comes in for the first time, or anew, once; only the hash of what
    stands in it is kept."""

    __table_args__ = (
        CheckConstraint("length(link_hash) = 32", name="link_hash"),
        CheckConstraint("expires_at > created_at", name="expires_at"),
    )
    link_hash: bytes = Field(primary_key=True)
    person: str = Field(foreign_key="person.name", index=True)
    made_by: str
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    used_at: int | None = Field(default=None, sa_type=BigInteger)


class PersonSession(Base, table=True):
    """A browser in which a person is logged in; only the hash of its secret is kept."""

    __tablename__ = "session"
    __table_args__ = (
        CheckConstraint("length(secret_hash) = 32", name="secret_hash"),
        CheckConstraint("expires_at > created_at", name="expires_at"),
    )
    secret_hash: bytes = Field(primary_key=True)
    person: str = Field(foreign_key="person.name", index=True)
    created_at: int = Field(sa_type=BigInteger)
    seen_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)
