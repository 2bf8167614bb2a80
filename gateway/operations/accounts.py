"""Use cases on accounts: who owes and is owed, up to how much, and what was paid in."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from gateway.ledger.pending import Balance
from gateway.operations.paging import Page, one_page
from gateway.operations.text import check_name
from gateway.store import accounts, audit, notices
from gateway.store.engine import Store
from gateway.store.errors import Conflict
from gateway.store.tables import Account

DEFAULT_SCALE = 6


@dataclass(frozen=True, slots=True)
class Standing:
    """An account, what it owes by the books (negative: is owed), what it could come to owe on its
    live channels besides, what it has paid in, and what channels may still reserve; atomic units.
    """

    account: Row[Any]
    owed: int
    exposure: int
    funds: Balance
    free: int


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
        given = {"name": name, "currency": currency, "credit_limit": str(credit_limit)}
        audit.record(conn, "account.add", id_, after=given | {"scale": scale})
        notices.decided(conn)
    return show(store, id_)


def page(
    store: Store,
    *,
    after: str = "",
    limit: int = 100,
    among: Collection[str] | None = None,
    search: str | None = None,
) -> Page[Row[Any]]:
    """Accounts by id; only those of `among`, unless that is None; of `search` their names have a
    part, or their ids begin with it."""
    with store.read() as conn:
        return one_page(
            lambda count: accounts.page(conn, after=after, limit=count, among=among, search=search),
            limit,
        )


def show(store: Store, id_: str) -> Standing:
    """One account with what it owes. Raises NotFound."""
    # A write transaction, since `exposure` locks the account's row.
    with store.write() as conn:
        row = accounts.get(conn, id_)
        return Standing(
            row,
            accounts.owed(conn, id_),
            accounts.exposure(conn, id_),
            accounts.funds(conn, id_),
            accounts.free(conn, id_),
        )


def scale(store: Store, id_: str) -> int:
    """Decimal places of an account's amounts, 0 to 18. Raises NotFound."""
    with store.read() as conn:
        return int(accounts.get(conn, id_).scale)


def change(
    store: Store, id_: str, *, credit_limit: int | None = None, status: str | None = None
) -> Standing:
    """Set what is given; open channels keep what they reserved. Raises NotFound, StoreError, and
    Conflict for one that is erased."""
    with store.write() as conn:
        if accounts.get(conn, id_).erased_at is not None:
            raise Conflict(f"account {id_}: is erased, and stays closed; add another")
        before = _changeable(conn, id_)
        if credit_limit is not None:
            accounts.set_credit_limit(conn, id_, credit_limit)
        if status is not None:
            accounts.set_status(conn, id_, status)
        audit.record(conn, "account.change", id_, before=before, after=_changeable(conn, id_))
        notices.tell_account(conn, id_)
    return show(store, id_)


def _changeable(conn: Connection, id_: str) -> dict[str, object]:
    row = accounts.get(conn, id_)
    return {"credit_limit": str(row.credit_limit), "status": row.status}
