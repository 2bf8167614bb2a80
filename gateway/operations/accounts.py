"""Use cases on accounts: who owes and is owed, and up to how much."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from gateway.operations.paging import Page, one_page
from gateway.operations.text import check_name
from gateway.store import accounts, notices
from gateway.store.engine import Store
from gateway.store.tables import Account

DEFAULT_SCALE = 6


@dataclass(frozen=True, slots=True)
class Standing:
    """An account, what it owes by the books (negative: is owed), and what it could come to owe on
    its live channels besides; atomic units."""

    account: Row[Any]
    owed: int
    exposure: int


def add(
    store: Store,
    id_: str,
    name: str,
    currency: str,
    *,
    credit_limit: int = 0,
    scale: int = DEFAULT_SCALE,
) -> Standing:
    """Add an account; `credit_limit` in atomic units. Raises BadInput, StoreError, Conflict."""
    check_name(name)
    with store.write() as conn:
        accounts.add(
            conn,
            Account(
                id=id_,
                name=name,
                currency=currency,
                scale=scale,
                credit_limit=credit_limit,
                created_at=store.now(conn),
            ),
        )
        notices.decided(conn)
    return show(store, id_)


def page(store: Store, *, after: str = "", limit: int = 100) -> Page[Row[Any]]:
    """Accounts by id."""
    with store.read() as conn:
        return one_page(lambda count: accounts.page(conn, after=after, limit=count), limit)


def show(store: Store, id_: str) -> Standing:
    """One account with what it owes. Raises NotFound."""
    # A write transaction, since `exposure` locks the account's row.
    with store.write() as conn:
        row = accounts.get(conn, id_)
        return Standing(row, accounts.owed(conn, id_), accounts.exposure(conn, id_))


def change(
    store: Store, id_: str, *, credit_limit: int | None = None, status: str | None = None
) -> Standing:
    """Set what is given; open channels keep what they reserved. Raises NotFound, StoreError."""
    with store.write() as conn:
        if credit_limit is not None:
            accounts.set_credit_limit(conn, id_, credit_limit)
        if status is not None:
            accounts.set_status(conn, id_, status)
        notices.decided(conn)
    return show(store, id_)
