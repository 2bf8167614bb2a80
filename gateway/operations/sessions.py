"""Sessions: a person logs in by password and code, and is known by a cookie until it ends.

The cookie's secret is 256 random bits, kept as a hash. A session ends an hour after it was last
used, twelve after it began, and at once when its person logs out, changes their password, or is
disabled.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row

from gateway.operations import codes, second_factor
from gateway.operations.bearer import OWNER, Bearer, of_person
from gateway.operations.passwords import Passwords
from gateway.operations.text import HANDLE
from gateway.sealing import NotReadable, unseal
from gateway.store import audit, last, people, sessions
from gateway.store.engine import Store
from gateway.store.tables_people import PersonSession

IDLE_S = 3600
"""Seconds after which a session ends in which nothing was asked for."""
LONGEST_S = 12 * 3600
"""Seconds after which a session ends in any case."""
_SEEN_EVERY_S = 60
_SECRET = re.compile("[0-9a-f]{64}")


class Ended(Exception):
    """A session of ours that goes on no more."""


@dataclass(frozen=True, slots=True)
class Live:
    """A session that goes on: whom it stands for, and what must come with whatever changes
    anything. `id` is the hash of its secret."""

    id: bytes
    bearer: Bearer
    csrf_token: str = field(repr=False)


def log_in(
    store: Store,
    passwords: Passwords,
    key: bytes,
    name: str,
    password: str,
    code: str,
    address: str = "",
) -> tuple[str, Live] | None:
    """Begin a session; its secret, for the cookie, and the session. None if the name, the password
    or the code is wrong, which of them nobody is told. `code` is the authenticator's, or a recovery
    code; `key` is the one of `people.key`; `address` is where they are.
    """
    with store.read() as conn:
        row = people.find(conn, name) if HANDLE.fullmatch(name) else None
    kept = None if row is None or row.state != "active" else row.password_hash
    # Outside of any transaction: it takes long, on purpose.
    if not passwords.matches(kept, password):
        return None
    renewed = passwords.hash(password) if kept and passwords.is_dated(kept) else None
    with store.write() as conn:
        row = people.locked(conn, name)
        now = store.now(conn)
        if row.state != "active" or row.password_hash != kept:
            return None
        proof = "password" if row.totp_secret is None else _proven(conn, key, row, code, now)
        if not proof:
            return None
        if renewed is not None:
            people.change(conn, name, password_hash=renewed)
        last.act(conn, of_person(name))
        audit.record(conn, "person.log_in", name, after={"address": address, "proof": proof})
        return begin(conn, row, now)


def refused(store: Store, name: str, address: str, locked_s: int) -> None:
    """Record that somebody at this address did not prove to be the person of this name, and for how
    many seconds nobody may try it now (0: at once).

    Of a name that nobody has nothing is written, since it may be a password in the wrong field; but
    it costs as much, so that the time it takes tells nothing either.
    """
    with store.write() as conn:
        if not HANDLE.fullmatch(name) or people.find(conn, name) is None:
            last.touch(conn)
            return
        action = "person.locked" if locked_s else "person.refused"
        audit.record(conn, action, name, after={"address": address, "locked_s": locked_s})


def _proven(conn: Connection, key: bytes, row: Row[Any], code: str, now: int) -> str:
    """By what this code proves a person: of a step that none was taken of, or one to recover by;
    empty if by nothing."""
    try:
        secret = unseal(key, row.name, bytes(row.totp_secret))
    except NotReadable:
        # Put back from a backup without its key: recovery codes are good still.
        step = None
    else:
        step = second_factor.step_of(secret, code, now)
    if step is not None:
        return "code" if people.take_step(conn, row.name, step) else ""
    recovered = people.use_recovery_code(conn, row.name, codes.hashed(code), now)
    return "recovery code" if recovered else ""


def begin(conn: Connection, row: Row[Any], now: int) -> tuple[str, Live]:
    """A session of this person, who has proven who they are, from `now` (Unix seconds) on."""
    secret = secrets.token_hex(32)
    new = PersonSession(
        secret_hash=_hash(secret),
        person=row.name,
        created_at=now,
        seen_at=now,
        expires_at=now + LONGEST_S,
    )
    sessions.add(conn, new)
    return secret, _live(conn, secret, row.name, row.role, now + IDLE_S)


def check(store: Store, secret: str, *, used: bool = True) -> Live | None:
    """The session of a cookie, which goes on by that if it is `used`: a page that watches by itself
    is no use of it. None if it is none of ours.

    Raises Ended if it has ended.
    """
    if not _SECRET.fullmatch(secret):
        return None
    id_ = _hash(secret)
    with store.read() as conn:
        row = sessions.find(conn, id_)
        now = store.now(conn)
        if row is None:
            return None
        over = now >= min(row.expires_at, row.seen_at + IDLE_S)
        if over or row.ended_at is not None or row.state != "active":
            raise Ended
        ends_at = min(row.expires_at, (now if used else row.seen_at) + IDLE_S)
        live = _live(conn, secret, row.person, row.role, ends_at)
    if used and now - row.seen_at >= _SEEN_EVERY_S:
        with store.write() as conn:
            sessions.seen(conn, id_, now)
    return live


def end(store: Store, live: Live) -> None:
    """Log out."""
    with store.write() as conn:
        sessions.end(conn, live.id, store.now(conn))
        audit.record(conn, "person.log_out", live.bearer.name)


def _live(conn: Connection, secret: str, name: str, role: str, ends_at: int) -> Live:
    accounts = people.accounts_of(conn, name) if role == OWNER else ()
    bearer = Bearer(of_person(name), name, role, frozenset(accounts), None, ends_at)
    return Live(_hash(secret), bearer, hmac.digest(secret.encode(), b"csrf", "sha256").hex())


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
