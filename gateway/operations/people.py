"""Use cases on people: inviting them, letting them in, and keeping them out.

A person comes in by a link that is told once: whoever has it chooses a password, and enrols a
second factor, which finance and admins must have. Names are never used again.
"""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row

from gateway.operations import codes, second_factor, sessions, tokens
from gateway.operations.bearer import EVERY_ROLE, SECOND_FACTOR, answers_for, of_person
from gateway.operations.errors import BadInput
from gateway.operations.passwords import Passwords, check_new
from gateway.operations.principal import SamePerson
from gateway.operations.sessions import Live
from gateway.operations.text import HANDLE
from gateway.sealing import seal
from gateway.store import audit, last, people
from gateway.store import sessions as stored_sessions
from gateway.store.engine import Store
from gateway.store.errors import Conflict
from gateway.store.tables_people import Person, Welcome

LIFETIME_S = 86_400
"""How long a link is good if nobody says, in seconds."""
LONGEST_S = 30 * 86_400
FIRST = "admin"
"""The name of the first person of a gateway."""


class BadLink(Exception):
    """The link lets nobody in: there is none such, or it was used, replaced, or is too old."""


@dataclass(frozen=True, slots=True)
class Link:
    """What lets a person in once, until `expires_at` (Unix seconds)."""

    person: str
    token: str = field(repr=False)
    expires_at: int

    @property
    def path(self) -> str:
        """Where the dashboard takes it."""
        return f"/#/welcome/{self.token}"


@dataclass(frozen=True, slots=True)
class Known:
    """A person with the accounts that they see, if they are an owner."""

    person: Row[Any]
    accounts: list[str]


@dataclass(frozen=True, slots=True)
class Invited:
    """Whom a link lets in, and the second factor that it offers; whether they must take it."""

    name: str
    role: str
    totp_secret: str = field(repr=False)
    totp_uri: str = field(repr=False)
    totp_required: bool
    expires_at: int


@dataclass(frozen=True, slots=True)
class Entered:
    """A person who came in by a link: their session with its secret, and recovery codes, told this
    once, if they enrolled a second factor."""

    secret: str = field(repr=False)
    live: Live
    recovery_codes: list[str] = field(repr=False)


def invite(
    store: Store,
    name: str,
    role: str,
    by: str,
    accounts: Collection[str] = (),
    lifetime_s: int = LIFETIME_S,
) -> Link:
    """Make a person, and the link that lets them in. `accounts` are what an owner sees.

    Raises BadInput, Conflict if the name is taken, NotFound for an account.
    """
    with store.write() as conn:
        return _invite(store, conn, name, role, by, accounts, lifetime_s)


def _invite(
    store: Store,
    conn: Connection,
    name: str,
    role: str,
    by: str,
    accounts: Collection[str] = (),
    lifetime_s: int = LIFETIME_S,
) -> Link:
    if not HANDLE.fullmatch(name):
        raise BadInput("name", "must be 1 to 40 of a-z, 0-9 and '-', and not begin with '-'")
    _check_role(role, accounts)
    now = store.now(conn)
    people.add(conn, Person(name=name, role=role, invited_by=by, created_at=now))
    people.set_accounts(conn, name, accounts)
    after = {"role": role, "accounts": sorted(accounts)}
    audit.record(conn, "person.invite", name, after=after)
    return _link(conn, name, by, now, lifetime_s)


def first(store: Store, by: str) -> Link | None:
    """The link for the first person, an admin; None if there is anybody already."""
    with store.write() as conn:
        return first_in(store, conn, by)


def first_in(store: Store, conn: Connection, by: str) -> Link | None:
    """As `first`, in a transaction that does more."""
    return None if people.count(conn) else _invite(store, conn, FIRST, "admin", by)


def _check_role(role: str, accounts: Collection[str]) -> None:
    if role not in EVERY_ROLE:
        raise BadInput("role", "must be " + ", ".join(EVERY_ROLE))
    tokens.check_accounts(role, accounts)


def _link(conn: Connection, name: str, by: str, now: int, lifetime_s: int) -> Link:
    if not 1 <= lifetime_s <= LONGEST_S:
        raise BadInput("lifetime_s", "must be 1 second to 30 days")
    link = Link(name, secrets.token_hex(32), now + lifetime_s)
    new = Welcome(
        link_hash=_hash(link.token),
        person=name,
        made_by=by,
        created_at=now,
        expires_at=link.expires_at,
    )
    people.add_link(conn, new)
    return link


def _hash(link: str) -> bytes:
    # One round is enough: the link is 256 random bits.
    return hashlib.sha256(link.encode(errors="surrogatepass")).digest()


def look(store: Store, key: bytes, link: str) -> Invited:
    """Whom a link lets in; it stays as good as it was. Raises BadLink."""
    with store.read() as conn:
        found, row = _good_link(conn, link, store.now(conn))
    secret = second_factor.offered(key, link)
    return Invited(
        name=row.name,
        role=row.role,
        totp_secret=secret,
        totp_uri=second_factor.uri(secret, row.name),
        totp_required=row.role in SECOND_FACTOR,
        expires_at=found.expires_at,
    )


def _good_link(conn: Connection, link: str, now: int) -> tuple[Row[Any], Row[Any]]:
    found = people.valid_link(conn, _hash(link), now)
    if found is None:
        raise BadLink
    row = people.get(conn, found.person)
    if row.state != "invited":
        raise BadLink
    return found, row


def enter(
    store: Store, passwords: Passwords, key: bytes, link: str, password: str, code: str
) -> Entered:
    """Let a person in by their link, which is used up: with this password, and the second factor
    that the link offers if `code` is one of it. Raises BadLink, BadInput; then it is as good as
    before.
    """
    invited = look(store, key, link)
    check_new("password", password, invited.name)
    if not code and invited.totp_required:
        raise BadInput("code", f"a second factor is needed for the role {invited.role}")
    kept = passwords.hash(password)
    with store.write() as conn:
        people.locked(conn, invited.name)
        now = store.now(conn)
        found, row = _good_link(conn, link, now)
        if row.role != invited.role or not people.use_link(conn, bytes(found.link_hash), now):
            raise BadLink
        step = second_factor.check_new(invited.totp_secret, code, now) if code else 0
        recovery = second_factor.new_recovery_codes() if code else []
        people.change(
            conn,
            row.name,
            state="active",
            password_hash=kept,
            totp_secret=seal(key, row.name, invited.totp_secret) if code else None,
            totp_step=max(step, row.totp_step),
        )
        people.set_recovery_codes(conn, row.name, map(codes.hashed, recovery))
        last.act(conn, of_person(row.name))
        audit.record(conn, "person.enter", row.name, after={"second_factor": bool(code)})
        secret, live = sessions.begin(conn, row, now)
    return Entered(secret, live, recovery)


def listed(store: Store) -> list[Known]:
    """All people, by name."""
    with store.read() as conn:
        return [Known(row, people.accounts_of(conn, row.name)) for row in people.listed(conn)]


def show(store: Store, name: str) -> Known:
    """One person. Raises NotFound."""
    with store.read() as conn:
        return Known(people.get(conn, name), people.accounts_of(conn, name))


def change(store: Store, name: str, by: str, role: str, accounts: Collection[str] = ()) -> Known:
    """Give a person another role, and an owner other accounts. Whatever they were in, and the
    tokens that they made, end by that.

    Raises NotFound, BadInput, SamePerson, Conflict for a role that takes a second factor if they
    have none.
    """
    _check_role(role, accounts)
    with store.write() as conn:
        row = _another(conn, name, by)
        if role in SECOND_FACTOR and row.state != "invited" and row.totp_secret is None:
            raise Conflict(
                f"person {name}: has no second factor, which the role {role} takes; "
                "reset them first, and they enrol one by the new link"
            )
        before = {"role": row.role, "accounts": sorted(people.accounts_of(conn, name))}
        people.change(conn, name, role=role)
        people.set_accounts(conn, name, accounts)
        after = {"role": role, "accounts": sorted(accounts)}
        audit.record(conn, "person.change", name, before=before, after=after)
        _shut_out(conn, name, store.now(conn))
    return show(store, name)


def disable(store: Store, name: str, by: str) -> Known:
    """Keep a person out; their sessions, and the tokens that they made, end.

    Raises NotFound, SamePerson.
    """
    with store.write() as conn:
        before = {"state": _another(conn, name, by).state}
        people.change(conn, name, state="disabled")
        after = {"state": "disabled"}
        audit.record(conn, "person.disable", name, before=before, after=after)
        people.drop_links(conn, name)
        _shut_out(conn, name, store.now(conn))
    return show(store, name)


def enable(store: Store, name: str, by: str) -> Known:
    """Let a person in again who was disabled. Raises NotFound, SamePerson, Conflict for one who
    had not come in yet, or lacks the second factor that their role takes."""
    with store.write() as conn:
        row = _another(conn, name, by)
        if row.state != "disabled":
            raise Conflict(f"person {name}: is {row.state}")
        lacking = row.role in SECOND_FACTOR and row.totp_secret is None
        if row.password_hash is None or lacking:
            raise Conflict(f"person {name}: has nothing to log in with; reset them instead")
        people.change(conn, name, state="active")
        before, after = {"state": row.state}, {"state": "active"}
        audit.record(conn, "person.enable", name, before=before, after=after)
    return show(store, name)


def reset(store: Store, name: str, by: str, lifetime_s: int = LIFETIME_S) -> Link:
    """A new link for a person who has lost their password or second factor, which are good no more,
    or who was disabled, or had not come in yet. Raises NotFound, SamePerson, BadInput."""
    with store.write() as conn:
        before = {"state": _another(conn, name, by).state}
        now = store.now(conn)
        people.change(conn, name, state="invited", password_hash=None, totp_secret=None)
        people.set_recovery_codes(conn, name, ())
        stored_sessions.end_all(conn, name, now)
        audit.record(conn, "person.reset", name, before=before, after={"state": "invited"})
        return _link(conn, name, by, now, lifetime_s)


def change_password(store: Store, passwords: Passwords, name: str, password: str, new: str) -> bool:
    """Give a person who is logged in another password, by the one they have; all their sessions end
    by that. False if that one is wrong. Raises BadInput."""
    check_new("new_password", new, name)
    with store.read() as conn:
        kept = people.get(conn, name).password_hash
    if not passwords.matches(kept, password):
        return False
    changed = passwords.hash(new)
    with store.write() as conn:
        row = people.locked(conn, name)
        if row.state != "active" or row.password_hash != kept:
            return False
        people.change(conn, name, password_hash=changed)
        stored_sessions.end_all(conn, name, store.now(conn))
        audit.record(conn, "person.password", name)
    return True


def _another(conn: Connection, name: str, by: str) -> Row[Any]:
    """The person, whom `by` may change: anybody's but their own role and way in."""
    row = people.locked(conn, name)
    if answers_for(by) == of_person(name):
        raise SamePerson(f"person {name}: another admin must do this for you")
    return row


def _shut_out(conn: Connection, name: str, at: int) -> None:
    stored_sessions.end_all(conn, name, at)
    tokens.revoke_of_person(conn, name, at)
