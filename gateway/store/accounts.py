"""Queries on accounts, and how much of an account's credit is taken.

Whether a channel may open is the caller's decision; this module gives it the numbers.
"""

import re
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from gateway.ledger import chart
from gateway.ledger.pending import Balance
from gateway.store import backing, journal, pending
from gateway.store.errors import Conflict, NotFound, StoreError
from gateway.store.tables import Account, Base

account = Base.metadata.tables["account"]
channel = Base.metadata.tables["channel"]

OPERATOR = "operator"
"""The account of whoever runs the gateway: the payee of tariffs that name no other."""

_ID = re.compile(r"[a-z0-9-]{1,40}")
_CURRENCY = re.compile(r"[A-Z]{3}")


def add(conn: Connection, new: Account) -> None:
    """Store a new account.

    Raises StoreError for an id that is not 1 to 40 of a-z, 0-9 and "-", a currency that is not
    three capitals, a scale outside 0..18, or a credit limit outside 0..2^63-1; Conflict if the id
    is taken, or if accounts of this currency have another scale (their amounts would not add up).
    """
    if not _ID.fullmatch(new.id):
        raise StoreError("account id: must be 1 to 40 of a-z, 0-9 and '-'")
    if not _CURRENCY.fullmatch(new.currency):
        raise StoreError("account currency: must be an ISO 4217 code, three capitals")
    if not 0 <= new.scale <= 18:
        raise StoreError("account scale: must be 0 to 18")
    _check_limit(new.credit_limit)
    journal.lock(conn)  # or two accounts of two scales could be added at once
    if conn.execute(select(account.c.id).where(account.c.id == new.id)).first() is not None:
        raise Conflict(f"account {new.id}: this id is taken")
    scale = scale_of(conn, new.currency)
    if scale is not None and scale != new.scale:
        raise Conflict(f"account scale: accounts in {new.currency} have scale {scale}")
    conn.execute(insert(account).values(**new.model_dump()))


def _check_limit(credit_limit: int) -> None:
    if not 0 <= credit_limit < 2**63:
        raise StoreError("account credit_limit: must be 0 to 2^63-1 atomic units")


def get(conn: Connection, account_id: str) -> Row[Any]:
    """One account. Raises NotFound."""
    row = conn.execute(select(account).where(account.c.id == account_id)).one_or_none()
    if row is None:
        raise NotFound(f"account {account_id}: unknown")
    return row


def page(
    conn: Connection,
    *,
    after: str = "",
    limit: int = 100,
    among: Collection[str] | None = None,
    search: str | None = None,
) -> Sequence[Row[Any]]:
    """At most `limit` accounts with ids above `after`, by id; of `among`, unless that is None; of
    `search` their names have a part, in any case, or their ids begin with it."""
    query = select(account).where(account.c.id > after).order_by(account.c.id).limit(limit)
    if among is not None:
        query = query.where(account.c.id.in_(among))
    if search is not None:
        query = query.where(
            account.c.name.icontains(search, autoescape=True)
            | account.c.id.startswith(search.lower(), autoescape=True)
        )
    return conn.execute(query).all()


def set_credit_limit(conn: Connection, account_id: str, credit_limit: int) -> None:
    """Set how much an account may owe (atomic units); open channels keep what they reserved."""
    _check_limit(credit_limit)
    get(conn, account_id)
    conn.execute(
        update(account).where(account.c.id == account_id).values(credit_limit=credit_limit)
    )


def set_status(conn: Connection, account_id: str, status: str) -> None:
    """Make an account `active` or `closed`. Raises NotFound, StoreError for another word."""
    if status not in ("active", "closed"):
        raise StoreError("account status: must be active or closed")
    get(conn, account_id)
    conn.execute(update(account).where(account.c.id == account_id).values(status=status))


def scale_of(conn: Connection, currency: str) -> int | None:
    """The scale of all accounts in a currency; None if there are none."""
    query = select(account.c.scale).where(account.c.currency == currency).limit(1)
    return conn.execute(query).scalar_one_or_none()


def currencies(conn: Connection) -> list[str]:
    """The currencies of all accounts, sorted."""
    return sorted(conn.execute(select(account.c.currency).distinct()).scalars())


def owed(conn: Connection, account_id: str) -> int:
    """What is posted and not yet paid, in atomic units; negative if the account is owed."""
    currency = get(conn, account_id).currency
    names = (*chart.OWED, chart.SETTLING)
    return sum(journal.balance(conn, name + account_id, currency) for name in names)


def funds(conn: Connection, account_id: str) -> Balance:
    """What the account has paid in and not used: a credit, of which pending debits hold a part."""
    currency = get(conn, account_id).currency
    return pending.balance(conn, chart.funds(account_id), currency)


def free(conn: Connection, account_id: str) -> int:
    """What channels may still reserve, in atomic units: credit limit, free deposits and what is
    locked with rails, less the exposure. Below zero if the limit was lowered. Locks as `exposure`
    does."""
    _lock(conn, account_id)
    return left(conn, account_id)[0]


def left(conn: Connection, account_id: str) -> tuple[int, int]:
    """What is `free`, and what the live channels have reserved, for whoever only wants to know:
    nothing is locked."""
    # In this order: a run that commits meanwhile moves what is reserved to what is owed, and what
    # is owed to deposits, so something may be counted twice and nothing left out.
    held = reserved(conn, account_id)
    exposed = held + owed(conn, account_id)
    limit = int(get(conn, account_id).credit_limit)
    # What a rail collected is no longer locked before it is no longer owed.
    locked = backing.of(conn, account_id)
    return limit + funds(conn, account_id).free_credit + locked - exposed, held


def _lock(conn: Connection, account_id: str) -> None:
    conn.execute(
        select(account.c.id).where(account.c.id == account_id).with_for_update(key_share=True)
    ).all()


def reserved(conn: Connection, account_id: str) -> int:
    """What the account could still come to owe on its live channels, in atomic units."""
    total = conn.execute(
        select(func.coalesce(func.sum(channel.c.capacity - channel.c.settled_amount), 0)).where(
            channel.c.payer_account == account_id, channel.c.state != "closed"
        )
    ).scalar_one()
    return int(total)


def exposure(conn: Connection, account_id: str) -> int:
    """What the account owes and could come to owe on its live channels, in atomic units.

    The account's row stays locked until the transaction ends, so that two opens can't both take the
    last that is `free`.
    """
    _lock(conn, account_id)
    # In this order, as in `left`.
    held = reserved(conn, account_id)
    return held + owed(conn, account_id)
