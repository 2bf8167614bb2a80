"""Queries on schedules: when currencies and accounts are settled, and from what amount on."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from gateway.ledger import chart
from gateway.store.errors import NotFound
from gateway.store.schema import Base
from gateway.store.tables_schedule import Schedule

schedule = Base.metadata.tables["schedule"]
channel = Base.metadata.tables["channel"]
account = Base.metadata.tables["account"]
balance = Base.metadata.tables["balance"]

_SERVED = (
    update(schedule)
    .where(
        schedule.c.subject == bindparam("b_subject"),
        schedule.c.served_until == bindparam("b_before"),
    )
    .values(served_until=bindparam("b_until"))
)


def find(conn: Connection, subject: str) -> Row[Any] | None:
    """The schedule of a currency or an account; None if there is none."""
    return conn.execute(select(schedule).where(schedule.c.subject == subject)).one_or_none()


def get(conn: Connection, subject: str) -> Row[Any]:
    """The schedule of a currency or an account. Raises NotFound."""
    row = find(conn, subject)
    if row is None:
        raise NotFound(f"schedule {subject}: there is none")
    return row


def listed(conn: Connection) -> Sequence[Row[Any]]:
    """All schedules: of each currency its own first, then its accounts'."""
    order = schedule.c.currency, schedule.c.account_id.is_not(None), schedule.c.subject
    return conn.execute(select(schedule).order_by(*order)).all()


def put(conn: Connection, new: Schedule) -> None:
    """Store a schedule in place of the one that its subject had."""
    conn.execute(delete(schedule).where(schedule.c.subject == new.subject))
    conn.execute(insert(schedule).values(**new.model_dump()))


def end_approval(conn: Connection, subject: str, approval: bool, asked_by: str | None) -> None:
    """Note whether a currency's runs wait for approval, and who asked that they do so no more."""
    conn.execute(
        update(schedule)
        .where(schedule.c.subject == subject)
        .values(approval=approval, approval_end_by=asked_by)
    )


def remove(conn: Connection, subject: str) -> None:
    """Delete a schedule. Raises NotFound."""
    get(conn, subject)
    conn.execute(delete(schedule).where(schedule.c.subject == subject))


def served(conn: Connection, until: Iterable[tuple[Row[Any], int]]) -> None:
    """Note for schedules up to which Unix second what fell due was seen to; one that was set anew
    since its row was read stays as it is."""
    values = [
        {"b_subject": row.subject, "b_before": row.served_until, "b_until": second}
        for row, second in until
    ]
    if values:
        conn.execute(_SERVED, values)


def owing(conn: Connection, currency: str) -> dict[str, int]:
    """What each account of a currency owes for what its devices used and no run has taken up yet:
    by marks and by the books, in atomic units."""
    unsettled = (
        select(channel.c.payer_account, func.sum(channel.c.amount - channel.c.settled_amount))
        .join(account, account.c.id == channel.c.payer_account)
        .where(
            channel.c.state == "open",
            channel.c.amount > channel.c.settled_amount,
            account.c.currency == currency,
        )
        .group_by(channel.c.payer_account)
    )
    posted = select(balance.c.account, balance.c.amount).where(
        balance.c.currency == currency,
        balance.c.amount != 0,
        balance.c.account.startswith(chart.PAYER, autoescape=True),
    )
    found = {name: int(amount) for name, amount in conn.execute(unsettled)}
    for name, amount in conn.execute(posted):
        owner = name.removeprefix(chart.PAYER)
        found[owner] = found.get(owner, 0) + int(amount)
    return found
