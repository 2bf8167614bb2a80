"""Use cases on an account's data as a person's: erasing them. The books stay as they are.

It can't be undone, so one admin asks for it and another approves; and what must be closed before
keeps it from happening too early.
"""

from typing import Any

from sqlalchemy import Connection, Row

from gateway.operations import tokens
from gateway.operations.errors import BadInput
from gateway.operations.principal import check_other
from gateway.operations.text import check_note
from gateway.store import (
    accounts,
    audit,
    erasure,
    erasures,
    fence,
    journal,
    payout_accounts,
    people,
    personal,
    sessions,
)
from gateway.store import tokens as stored_tokens
from gateway.store.engine import Store
from gateway.store.errors import Conflict
from gateway.store.tables_erasure import Erasure


def request(store: Store, account_id: str, reason: str) -> Row[Any]:
    """Ask for an account to be erased; the same again by the same person is the same.

    Raises NotFound, BadInput, and Conflict naming what is still open, or if another has asked, or
    it is erased.
    """
    check_note("reason", reason)
    if not reason.strip():
        raise BadInput("reason", "must say why, in 1 to 500 characters")
    if account_id == accounts.OPERATOR:
        raise Conflict(f"account {account_id}: is the gateway's own, and no person's")
    with store.write() as conn:
        journal.lock(conn)
        if accounts.get(conn, account_id).erased_at is not None:
            raise Conflict(f"account {account_id}: is erased")
        before = erasures.find(conn, account_id)
        if before is not None:
            if (before.requested_by, before.reason) == (store.by, reason):
                return before
            raise Conflict(f"account {account_id}: its erasure waits; approve or reject it")
        at = store.now(conn)
        _check_closed(conn, account_id, at)
        new = Erasure(account_id=account_id, reason=reason, requested_by=store.by, requested_at=at)
        erasures.request(conn, new)
        audit.record(conn, "account.request_erasure", account_id, why=reason)
        return erasures.get(conn, account_id)


def show(store: Store, account_id: str) -> Row[Any]:
    """What was asked for an account, and became of it. Raises NotFound."""
    with store.read() as conn:
        return erasures.get(conn, account_id)


def reject(store: Store, account_id: str) -> None:
    """Give up that an account is erased, one's own wish or another's. Raises NotFound, Conflict if
    it is erased."""
    with store.write() as conn:
        journal.lock(conn)
        row = erasures.get(conn, account_id)
        if row.approved_by is not None:
            raise Conflict(f"account {account_id}: is erased")
        erasures.reject(conn, account_id)
        before = {"requested_by": row.requested_by}
        audit.record(conn, "account.reject_erasure", account_id, before=before)


def approve(store: Store, account_id: str) -> Row[Any]:
    """Approve what another person asked for: what says who the account is is erased, for good, and
    it is closed. The account as it is then.

    One that is erased stays as it is. Raises NotFound, SamePerson, RestoreFenced, and Conflict
    naming what is open by now.
    """
    with store.write() as conn:
        fence.check(conn)
        journal.lock(conn)
        accounts.exposure(conn, account_id)  # so that no channel opens meanwhile
        asked = erasures.get(conn, account_id)
        if asked.approved_by is not None:
            return accounts.get(conn, account_id)
        check_other(asked.requested_by, store.by, f"erasure of account {account_id}")
        at = store.now(conn)
        _check_closed(conn, account_id, at)
        for row in payout_accounts.of_account(conn, account_id):
            if row.state == "active":
                payout_accounts.move(conn, row, "retired", ended_by=store.by, ended_at=at)
        counts = erasure.erase(conn, account_id, at)
        counts["person"] = _shut_out(conn, account_id, at)
        erasures.approve(conn, account_id, store.by, at)
        after = counts | {"requested_by": asked.requested_by}
        audit.record(conn, "account.erase", account_id, after=after, why=asked.reason)
        return accounts.get(conn, account_id)


def _check_closed(conn: Connection, account_id: str, at: int) -> None:
    """Raise Conflict naming what of an account is still open."""
    still = erasure.still_open(conn, account_id, at)
    if still:
        raise Conflict(f"account {account_id}: is still in use: " + "; ".join(still))


def _shut_out(conn: Connection, account_id: str, at: int) -> int:
    """Keep those out who saw this account alone, with nothing left to log in by."""
    names = conn.execute(personal.people_of_it_alone(account_id)).scalars().all()
    for name in names:
        people.change(
            conn, name, state="disabled", password_hash=None, totp_secret=None, totp_step=0
        )
        people.set_recovery_codes(conn, name, ())
        people.drop_links(conn, name)
        sessions.end_all(conn, name, at)
        tokens.revoke_of_person(conn, name, at)
    erasure.forget_people(conn, account_id)
    alone = erasure.tokens_of_it_alone(conn, account_id)
    for each in alone:
        stored_tokens.revoke(conn, each, at)
    erasure.rename_tokens(conn, alone)
    return len(names)
