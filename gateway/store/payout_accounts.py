"""Queries on payout accounts: proposing, deciding, and which one is in force when."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from gateway.ledger import states
from gateway.store import events
from gateway.store.errors import NotFound
from gateway.store.tables import Base
from gateway.store.tables_funds import PayoutAccount

table = Base.metadata.tables["payout_account"]


def add(conn: Connection, account_id: str, rail: str, details: str, by: str, at: int) -> Row[Any]:
    """Keep a proposal: where `rail` may pay this account, as JSON. Needs the journal's lock."""
    count = conn.execute(
        select(func.count()).select_from(table).where(table.c.account_id == account_id)
    ).scalar_one()
    new = PayoutAccount(
        id=f"{account_id}-payout-{count + 1}",
        account_id=account_id,
        rail=rail,
        details=details,
        proposed_by=by,
        proposed_at=at,
    )
    conn.execute(insert(table).values(**new.model_dump()))
    events.note(conn, "payout_account.proposed", new.id, account_id, rail=rail, by=by)
    return get(conn, account_id, new.id)


def get(conn: Connection, account_id: str, id_: str) -> Row[Any]:
    """One of an account's, whatever its state. Raises NotFound."""
    query = select(table).where(table.c.id == id_, table.c.account_id == account_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"payout account {id_}: account {account_id} has none of this id")
    return row


def of_account(conn: Connection, account_id: str) -> Sequence[Row[Any]]:
    """All that an account has and had, the newest first."""
    query = select(table).where(table.c.account_id == account_id)
    # Ids count up: a longer one is a later one.
    return conn.execute(query.order_by(func.length(table.c.id).desc(), table.c.id.desc())).all()


def move(conn: Connection, row: Row[Any], state: str, **more: object) -> None:
    """Move one on. Raises IllegalMove."""
    states.move(states.PAYOUT_ACCOUNT, row.state, state)
    conn.execute(update(table).where(table.c.id == row.id).values(state=state, **more))
    events.note(conn, f"payout_account.{state}", row.id, row.account_id, rail=row.rail)


def naming(conn: Connection, rail: str, details: Collection[str]) -> set[str]:
    """The accounts with a payout account of a rail, in force or not, that has one of these details
    (as JSON, as they are kept)."""
    query = select(table.c.account_id).where(table.c.rail == rail, table.c.details.in_(details))
    return set(conn.execute(query).scalars())


def all_in_force(
    conn: Connection, at: int, among: Collection[str] | None = None
) -> dict[str, Row[Any]]:
    """The payout account of each account that has one in force, if it is now Unix second `at`: of
    several rails' the one that came into force last. Only of accounts in `among`, if that is given.
    """
    query = (
        select(table)
        .where(
            table.c.active_from <= at,
            or_(table.c.ended_at.is_(None), table.c.ended_at >= table.c.active_from),
        )
        .order_by(table.c.active_from, func.length(table.c.id), table.c.id)
    )
    if among is not None:
        query = query.where(table.c.account_id.in_(among))
    last = {(row.account_id, row.rail): row for row in conn.execute(query)}
    # Retired is retired at once, also where the clock was set back since.
    counting = [row for row in last.values() if row.ended_at is None]
    return {row.account_id: row for row in sorted(counting, key=lambda row: row.active_from)}


def in_force(conn: Connection, account_id: str, rail: str, at: int) -> Row[Any] | None:
    """Where a rail pays this account, if it is now Unix second `at`; None if nowhere.

    The one that came into force last. Once that is retired the one before it does not come back:
    where an account is paid only changes by what two persons decided.
    """
    query = (
        select(table)
        .where(
            table.c.account_id == account_id,
            table.c.rail == rail,
            table.c.active_from <= at,
            # One that was retired while it cooled never was in force.
            or_(table.c.ended_at.is_(None), table.c.ended_at >= table.c.active_from),
        )
        .order_by(table.c.active_from.desc(), func.length(table.c.id).desc(), table.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None or row.ended_at is not None else row
