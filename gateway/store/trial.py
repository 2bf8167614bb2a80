"""The trial balance: every ledger account as of a time, from the entries themselves.

By the time that each entry states, which is the database's when it was written. Three columns that
are never added up: what is posted, what is pending, and what live channels have reserved.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from gateway.ledger import chart
from gateway.store import tables_funds  # noqa: F401  (its tables belong to the metadata)

_POSTED = (
    "SELECT p.account, p.currency, p.amount AS posted, 0 AS debits, 0 AS credits, 0 AS reserved"
    " FROM posting p JOIN entry e ON e.seq = p.entry_seq WHERE e.at <= :at"
)
_PENDING = (
    "SELECT l.account, l.currency, 0, CASE WHEN l.amount > 0 THEN l.amount ELSE 0 END,"
    " CASE WHEN l.amount < 0 THEN -l.amount ELSE 0 END, 0"
    " FROM pending_posting l JOIN pending p ON p.id = l.pending_id"
    " WHERE p.created_at <= :at AND (p.decided_at IS NULL OR p.decided_at > :at)"
)
_RESERVED = (
    "SELECT :payer || c.payer_account, t.currency, 0, 0, 0, coalesce(("
    # What it was before the first top-up that came later.
    "SELECT u.from_capacity FROM topup u WHERE u.channel_id = c.id AND u.at > :at"
    " ORDER BY u.capacity LIMIT 1), c.capacity) - coalesce(("
    "SELECT sum(i.to_amount - i.from_amount) FROM interval i JOIN entry e ON e.seq = i.entry_seq"
    " WHERE i.channel_id = c.id AND e.at <= :at), 0)"
    " FROM channel c JOIN tariff t ON t.id = c.tariff_id"
    " WHERE c.opened_at <= :at AND (c.closed_at IS NULL OR c.closed_at > :at)"
)
_FROM = f"FROM ({_POSTED} UNION ALL {_PENDING} UNION ALL {_RESERVED}) AS lines"
_SUMS = (
    "account, currency, sum(posted) AS posted, sum(debits) AS debits,"
    " sum(credits) AS credits, sum(reserved) AS reserved"
)
_ROWS = text(
    f"SELECT {_SUMS} {_FROM}"
    " WHERE account > :after OR (account = :after AND currency > :after_currency)"
    " GROUP BY account, currency ORDER BY account, currency LIMIT :most"
)
_ACCOUNTS = f"FROM (SELECT {_SUMS} {_FROM} GROUP BY account, currency) AS accounts"
_TOTALS = text(
    "SELECT currency, sum(CASE WHEN posted > 0 THEN posted ELSE 0 END) AS debits,"
    " sum(CASE WHEN posted < 0 THEN -posted ELSE 0 END) AS credits,"
    " sum(debits) AS pending_debits, sum(credits) AS pending_credits,"
    f" sum(reserved) AS reserved {_ACCOUNTS} GROUP BY currency ORDER BY currency"
)


def rows(
    conn: Connection, at: int, *, after: tuple[str, str] = ("", ""), limit: int = 100
) -> Sequence[Row[Any]]:
    """At most `limit` ledger accounts above `after` (name, currency), by name: (account, currency,
    posted, debits, credits, reserved), in atomic units as of Unix second `at`.

    `posted` is positive for a debit; `debits` and `credits` are pending; `reserved` is what live
    channels could still come to debit.
    """
    name, currency = after
    given = {"after": name, "after_currency": currency, "most": limit}
    return conn.execute(_ROWS, {"at": at, "payer": chart.PAYER, **given}).all()


def totals(conn: Connection, at: int) -> Sequence[Row[Any]]:
    """(currency, debits, credits, pending_debits, pending_credits, reserved) of each currency:
    sums over all ledger accounts. In books that balance, debits are credits."""
    return conn.execute(_TOTALS, {"at": at, "payer": chart.PAYER}).all()
