"""Use cases on an account's data as a person's: erasing them. The books stay as they are.

An admin does it alone. What can't be undone is kept from happening too early by what must be closed
before.
"""

from typing import Any

from sqlalchemy import Connection, Row

from gateway.operations import tokens
from gateway.operations.errors import BadInput
from gateway.operations.text import check_note
from gateway.store import (
    accounts,
    audit,
    erasure,
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


def erase(store: Store, account_id: str, reason: str) -> Row[Any]:
    """Erase what says who an account is, for good, and close it; the account as it is then.

    One that is erased stays as it is. Raises NotFound, BadInput, RestoreFenced, and Conflict naming
    what is still open.
    """
    check_note("reason", reason)
    if not reason.strip():
        raise BadInput("reason", "must say why, in 1 to 500 characters")
    if account_id == accounts.OPERATOR:
        raise Conflict(f"account {account_id}: is the gateway's own, and no person's")
    with store.write() as conn:
        fence.check(conn)
        journal.lock(conn)
        accounts.exposure(conn, account_id)  # so that no channel opens meanwhile
        if accounts.get(conn, account_id).erased_at is not None:
            return accounts.get(conn, account_id)
        at = store.now(conn)
        still = erasure.still_open(conn, account_id, at)
        if still:
            raise Conflict(f"account {account_id}: is still in use: " + "; ".join(still))
        for row in payout_accounts.of_account(conn, account_id):
            if row.state == "active":
                payout_accounts.move(conn, row, "retired", ended_by=store.by, ended_at=at)
        counts = erasure.erase(conn, account_id, at)
        counts["person"] = _shut_out(conn, account_id, at)
        audit.record(conn, "account.erase", account_id, after=counts, why=reason)
        return accounts.get(conn, account_id)


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
