"""Access tokens of programs: `tally_<id>_<secret>`, told once, kept as a hash.

A token has a role, and may be for some things only (`scopes`, the tags of the API's document), and
an owner's for some accounts. Whoever makes one over the API gives it nothing that they have not
themselves, and it ends with them.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from gateway.operations.bearer import (
    EVERY_ROLE,
    OWNER,
    Bearer,
    answers_for,
    of_person,
    of_token,
)
from gateway.operations.errors import BadInput
from gateway.operations.text import check_name
from gateway.store import audit, tokens
from gateway.store.engine import Store
from gateway.store.errors import NotFound
from gateway.store.tables import Token

LIFETIME_S = 90 * 86_400
"""How long a token is good that was made over the API, if nobody says, in seconds."""
LONGEST_S = 100 * 366 * 86_400
"""The longest lifetime of a token, in seconds."""
SCOPES = (
    "accounts",
    "audit",
    "bank",
    "books",
    "channels",
    "claims",
    "devices",
    "events",
    "funds",
    "health",
    "listings",
    "overview",
    "people",
    "restore",
    "settlements",
    "tariffs",
    "tokens",
    "webhooks",
)
"""What a token may be for: each route has one of these."""
_TOKEN = re.compile(r"tally_([0-9a-f]{12})_[0-9a-f]{64}")


def add(
    store: Store,
    name: str,
    role: str,
    lifetime_s: int | None = None,
    *,
    made_by: str = "",
    accounts: Collection[str] = (),
    scopes: Collection[str] = (),
) -> tuple[str, str]:
    """Make a token; returns its id and the token itself, which nobody can be told again.

    `lifetime_s` in seconds, None for no end. `accounts` are what an owner's sees; without `scopes`
    it is for everything that its role may. Raises BadInput, NotFound for an account.
    """
    with store.write() as conn:
        return add_in(
            store, conn, name, role, lifetime_s, made_by=made_by, accounts=accounts, scopes=scopes
        )


def add_in(
    store: Store,
    conn: Connection,
    name: str,
    role: str,
    lifetime_s: int | None = None,
    *,
    made_by: str = "",
    accounts: Collection[str] = (),
    scopes: Collection[str] = (),
) -> tuple[str, str]:
    """As `add`, in a transaction that does more."""
    check_name(name)
    if role not in EVERY_ROLE:
        raise BadInput("role", "must be " + ", ".join(EVERY_ROLE))
    check_accounts(role, accounts)
    if not set(scopes) <= set(SCOPES):
        raise BadInput("scopes", "must be of " + ", ".join(SCOPES))
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
        made_by=made_by,
        scopes=" ".join(sorted(set(scopes))),
    )
    tokens.add(conn, new, accounts)
    after = {
        "name": name,
        "role": role,
        "expires_at": new.expires_at,
        "scopes": new.scopes,
        "accounts": sorted(accounts),
    }
    audit.record(conn, "token.add", id_, after=after)
    return id_, token


def add_for(
    store: Store,
    bearer: Bearer,
    name: str,
    role: str,
    lifetime_s: int,
    accounts: Collection[str] = (),
    scopes: Collection[str] = (),
) -> tuple[str, str]:
    """As `add`, for whoever asks over the API: not above them in anything. Raises BadInput."""
    least = "admin" if role == OWNER else role
    if role != bearer.role and not bearer.may(least):
        raise BadInput("role", f"must not be above your own, {bearer.role}")
    if bearer.role == OWNER and not set(accounts) <= bearer.accounts:
        raise BadInput("accounts", "must be of your own")
    if bearer.scopes is not None and not set(scopes) <= bearer.scopes:
        raise BadInput("scopes", "must be of your own: " + ", ".join(sorted(bearer.scopes)))
    with store.write() as conn:
        if bearer.token_id is not None and bearer.expires_at is not None:
            left = bearer.expires_at - store.now(conn)
            if lifetime_s > left:
                raise BadInput("lifetime_s", f"must not outlive your own token: {left} at most")
        return add_in(
            store,
            conn,
            name,
            role,
            lifetime_s,
            made_by=bearer.principal,
            accounts=accounts,
            scopes=scopes or bearer.scopes or (),
        )


def check_accounts(role: str, accounts: Collection[str]) -> None:
    """Raises BadInput unless an owner, and nobody else, has accounts."""
    if role == OWNER and not accounts:
        raise BadInput("accounts", "must name one or more accounts, for an owner")
    if role != OWNER and accounts:
        raise BadInput("accounts", "are for an owner alone; this role sees all")


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
        if row.id != id_ or row.role not in EVERY_ROLE:
            return None
        accounts = tokens.accounts_of(conn, id_) if row.role == OWNER else ()
    return Bearer(
        principal=of_token(row.made_by, id_),
        name=row.name,
        role=row.role,
        accounts=frozenset(accounts),
        scopes=frozenset(row.scopes.split()) or None,
        expires_at=row.expires_at,
        token_id=id_,
    )


def listed(store: Store) -> Sequence[Row[Any]]:
    """All tokens by name, without what they were."""
    with store.read() as conn:
        return tokens.listed(conn)


def accounts(store: Store) -> Mapping[str, Sequence[str]]:
    """The accounts that owners' tokens see, by the tokens' ids."""
    with store.read() as conn:
        return tokens.accounts(conn)


def listed_for(store: Store, bearer: Bearer) -> Sequence[Row[Any]]:
    """The tokens that a bearer has to do with, by name: an admin with all, a person with those that
    come from them, a token with those that it made."""
    return [row for row in listed(store) if _has_to_do_with(bearer, row)]


def _has_to_do_with(bearer: Bearer, row: Row[Any]) -> bool:
    if bearer.may("admin"):
        return True
    if bearer.token_id is None:
        return answers_for(str(row.made_by)) == bearer.principal
    return bool(row.made_by == bearer.principal)


def revoke_for(store: Store, bearer: Bearer, id_: str) -> None:
    """End a token that a bearer has to do with, and those that it made. Raises NotFound."""
    if id_ not in {row.id for row in listed_for(store, bearer)}:
        raise NotFound(f"token {id_}: unknown")
    revoke(store, id_)


def revoke(store: Store, id_: str) -> None:
    """End a token now, and those that it made. Raises NotFound."""
    with store.write() as conn:
        _revoke_in(conn, tokens.get(conn, id_), store.now(conn))


def _revoke_in(conn: Connection, row: Row[Any], at: int) -> None:
    tokens.revoke(conn, row.id, at)
    audit.record(conn, "token.revoke", row.id)
    for made in tokens.made_by(conn, of_token(row.made_by, row.id)):
        _revoke_in(conn, made, at)


def revoke_of_person(conn: Connection, name: str, at: int) -> None:
    """End all tokens that a person has made, at `at` (Unix seconds)."""
    for row in tokens.made_by(conn, of_person(name)):
        _revoke_in(conn, row, at)
