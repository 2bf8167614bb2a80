"""Use cases on deposits: money that an account has paid in, which its channels may then reserve."""

from typing import Any

from sqlalchemy import Connection, Row

from gateway.ledger.entry import LIMIT
from gateway.operations.errors import BadInput
from gateway.operations.paging import Page, one_page
from gateway.operations.text import check_note
from gateway.settlement.funds import deposit_entry
from gateway.store import accounts, audit, bookings, deposits, journal, notices
from gateway.store.engine import Store
from gateway.store.errors import Conflict
from gateway.store.tables_funds import Deposit

MAX_REFERENCE = 140
"""The longest reference of a deposit, in characters (the length of a bank transfer's text)."""


def check_amount(amount: int) -> None:
    """Raises BadInput unless `amount` is 1 to 2^63-1 atomic units."""
    if not 1 <= amount < LIMIT:
        raise BadInput("amount", "must be 1 to 2^63-1 atomic units")


def deposit(
    store: Store, account_id: str, amount: int, rail: str, reference: str, by: str, note: str = ""
) -> Row[Any]:
    """Record `amount` atomic units that an account has paid in over a rail.

    `reference` is the rail's own for this payment (a bank's end-to-end id, a line of an account
    statement): the same one again is the same deposit. `by` is the principal. Raises BadInput,
    NotFound, Conflict if this reference was recorded with another account or amount, or if a bank's
    file has told of it.
    """
    with store.write() as conn:
        journal.lock(conn)
        booked = bookings.named(conn, rail, reference)
        if booked is not None:
            raise Conflict(
                f"deposit {reference}: the bank has booked it, booking {booked.id} ({booked.note})"
            )
        known = deposits.find(conn, rail, reference)
        row = deposit_in(conn, account_id, amount, rail, reference, by, store.now(conn), note)
        if known is None:
            after = {"account": account_id, "amount": str(amount), "entry": row.entry_seq}
            audit.record(conn, "deposit.record", f"{rail}:{reference}", after=after, why=note)
        return row


def deposit_in(
    conn: Connection,
    account_id: str,
    amount: int,
    rail: str,
    reference: str,
    by: str,
    at: int,
    note: str = "",
) -> Row[Any]:
    """As `deposit`, in a transaction that does more; `at` is in Unix seconds."""
    check_amount(amount)
    if not 1 <= len(reference) <= MAX_REFERENCE or not reference.isprintable():
        raise BadInput("reference", f"must be 1 to {MAX_REFERENCE} printable characters")
    check_note("note", note)
    journal.lock(conn)
    account = accounts.get(conn, account_id)
    known = deposits.find(conn, rail, reference)
    if known is not None:
        if (known.account_id, known.amount) != (account_id, amount):
            raise Conflict(
                f"deposit {reference}: {known.amount} atomic units of account {known.account_id} "
                f"are recorded for it over the rail {rail}"
            )
        return known
    entry = deposit_entry(account_id, account.currency, amount, rail, reference, at)
    seq = journal.append(conn, entry)
    deposits.add(
        conn,
        Deposit(
            rail=rail,
            reference=reference,
            account_id=account_id,
            amount=amount,
            currency=account.currency,
            recorded_by=by,
            note=note,
            at=at,
            entry_seq=seq,
        ),
    )
    notices.tell_account(conn, account_id)
    found = deposits.find(conn, rail, reference)
    if found is None:
        raise Conflict(f"deposit {reference}: was not kept")
    return found


def page(
    store: Store, account_id: str, *, before: int | None = None, limit: int = 100
) -> Page[Row[Any]]:
    """An account's deposits, the newest first. Raises NotFound, BadInput."""
    with store.read() as conn:
        accounts.get(conn, account_id)
        return one_page(
            lambda count: deposits.page(conn, account_id, before=before, limit=count), limit
        )
