"""Access tokens: `tally_<id>_<secret>`, told once, kept as a hash.

The roles are steps: a viewer looks, an operator also decides on devices, channels and
settlements, an admin also sets who there is, what it costs, and who may do what.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from gateway.operations.errors import BadInput
from gateway.operations.text import check_name
from gateway.store import tokens
from gateway.store.engine import Store
from gateway.store.tables import Token

ROLES = ("viewer", "operator", "admin")
LONGEST_S = 100 * 366 * 86_400
"""The longest lifetime of a token, in seconds."""
_TOKEN = re.compile(r"tally_([0-9a-f]{12})_[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a token stands for."""

    token_id: str
    name: str
    role: str

    def may(self, role: str) -> bool:
        """Whether this token's role is `role` or above it."""
        return ROLES.index(self.role) >= ROLES.index(role)


def add(store: Store, name: str, role: str, lifetime_s: int | None = None) -> tuple[str, str]:
    """Make a token; returns its id and the token itself, which nobody can be told again.

    `lifetime_s` in seconds, None for no end. Raises BadInput.
    """
    with store.write() as conn:
        return add_in(store, conn, name, role, lifetime_s)


def add_in(
    store: Store, conn: Connection, name: str, role: str, lifetime_s: int | None = None
) -> tuple[str, str]:
    """As `add`, in a transaction that does more."""
    check_name(name)
    if role not in ROLES:
        raise BadInput("role", "must be viewer, operator or admin")
    if lifetime_s is not None and not 1 <= lifetime_s <= LONGEST_S:
        raise BadInput("lifetime_s", "must be 1 second to 100 years")
    id_ = secrets.token_hex(6)
    token = f"tally_{id_}_{secrets.token_hex(32)}"
    now = store.now(conn)
    new = Token(
        id=id_,
        name=name,
        role=role,
        secret_hash=_hash(token),
        expires_at=None if lifetime_s is None else now + lifetime_s,
    )
    tokens.add(conn, new)
    return id_, token


def _hash(token: str) -> bytes:
    # One round is enough: the secret is 256 random bits, not something a person made up.
    return hashlib.sha256(token.encode()).digest()


def id_in(token: str) -> str:
    """The id that stands in a token, whether it is valid or not; empty if it has not the form."""
    match = _TOKEN.fullmatch(token)
    return "" if match is None else match[1]


def check(store: Store, token: str) -> Bearer | None:
    """Whom a token stands for; None if it is none of ours, revoked or expired."""
    id_ = id_in(token)
    if not id_:
        return None
    digest = _hash(token)
    with store.read() as conn:
        row = tokens.valid(conn, digest, store.now(conn))
    if row is None or not hmac.compare_digest(digest, bytes(row.secret_hash)):
        return None
    if row.id != id_ or row.role not in ROLES:
        return None
    return Bearer(row.id, row.name, row.role)


def listed(store: Store) -> Sequence[Row[Any]]:
    """All tokens by name, without what they were."""
    with store.read() as conn:
        return tokens.listed(conn)


def revoke(store: Store, id_: str) -> None:
    """End a token now. Raises NotFound."""
    with store.write() as conn:
        tokens.revoke(conn, id_, store.now(conn))
