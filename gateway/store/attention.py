"""Queries for what waits for a person: how many there are of each kind, and the oldest of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, func, null, or_, select

from gateway.store import fence
from gateway.store.tables import Base
from gateway.store.tables_bank import Booking as _Booking  # noqa: F401  (registers the table)
from gateway.store.tables_books import Run as _Run  # noqa: F401  (registers the table)
from gateway.store.tables_erasure import Erasure as _Erasure  # noqa: F401  (registers the table)
from gateway.store.tables_events import Presence as _Presence  # noqa: F401  (registers the table)

run = Base.metadata.tables["run"]
withdrawal = Base.metadata.tables["withdrawal"]
payout_account = Base.metadata.tables["payout_account"]
reversal = Base.metadata.tables["reversal"]
erasure = Base.metadata.tables["erasure"]
booking = Base.metadata.tables["booking"]
channel = Base.metadata.tables["channel"]
instruction = Base.metadata.tables["instruction"]
device = Base.metadata.tables["device"]
presence = Base.metadata.tables["presence"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits: the id of what it is, whose affair, since when (Unix seconds), and an
    amount (atomic units of a currency), as far as it has these."""

    subject: str
    account_id: str | None
    at: int | None
    amount: int | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class Kind:
    """All that waits of one kind; `first` are the oldest of them."""

    name: str
    count: int
    first: Sequence[Waiting]


def kinds(conn: Connection, most: int) -> list[Kind]:
    """What waits for a person, with at most `most` of each kind; kinds of which nothing waits are
    left out."""
    return [each for each in _every(conn, most) if each.count > 0]


def counts(conn: Connection) -> dict[str, int]:
    """How many things wait for a person, of each kind."""
    return {each.name: each.count for each in _every(conn, 0)}


def _every(conn: Connection, most: int) -> list[Kind]:
    later = instruction.alias("later")
    # The last of its account, since a later one has moved what an earlier one could not.
    overtaken = (
        select(later.c.id)
        .where(
            later.c.account_id == instruction.c.account_id,
            or_(later.c.run > instruction.c.run, later.c.withdrawal > instruction.c.withdrawal),
        )
        .exists()
    )
    rejected = select(run.c.number).where(
        run.c.number == instruction.c.run, run.c.decision == "rejected"
    )
    return [
        _fence(conn),
        _of(
            conn,
            "run.awaiting_approval",
            run,
            (run.c.state == "posted") & run.c.approval & run.c.decision.is_(None),
            run.c.number,
            at=run.c.period_end,
            most=most,
        ),
        _of(
            conn,
            "withdrawal.requested",
            withdrawal,
            withdrawal.c.state == "requested",
            withdrawal.c.number,
            withdrawal.c.account_id,
            withdrawal.c.requested_at,
            withdrawal.c.amount,
            withdrawal.c.currency,
            most=most,
        ),
        _of(
            conn,
            "payout_account.proposed",
            payout_account,
            payout_account.c.state == "proposed",
            payout_account.c.id,
            payout_account.c.account_id,
            payout_account.c.proposed_at,
            most=most,
        ),
        _of(
            conn,
            "account.erasure_requested",
            erasure,
            erasure.c.approved_by.is_(None),
            erasure.c.account_id,
            erasure.c.account_id,
            erasure.c.requested_at,
            most=most,
        ),
        _of(
            conn,
            "reversal.proposed",
            reversal,
            reversal.c.state == "proposed",
            reversal.c.number,
            at=reversal.c.proposed_at,
            most=most,
        ),
        _of(
            conn,
            "booking.unmatched",
            booking,
            booking.c.state == "suspense",
            booking.c.id,
            amount=func.abs(booking.c.amount),
            currency=booking.c.currency,
            most=most,
        ),
        _of(
            conn,
            "channel.frozen",
            channel,
            # A mirror goes the way of the channel that it mirrors.
            (channel.c.state == "frozen") & channel.c.mirror_of.is_(None),
            channel.c.id,
            channel.c.payer_account,
            most=most,
        ),
        _of(
            conn,
            "instruction.failed",
            instruction,
            instruction.c.state.in_(("failed", "returned")) & ~overtaken & ~rejected.exists(),
            instruction.c.id,
            instruction.c.account_id,
            amount=instruction.c.amount,
            currency=instruction.c.currency,
            most=most,
        ),
        _of(
            conn,
            "device.offline",
            device.join(presence, presence.c.device_id == device.c.id),
            (device.c.status == "active") & ~presence.c.online,
            device.c.id,
            device.c.account_id,
            presence.c.since,
            most=most,
        ),
    ]


def _of(
    conn: Connection,
    name: str,
    table: FromClause,
    waits: ColumnElement[bool],
    subject: ColumnElement[Any],
    account_id: ColumnElement[Any] | None = None,
    at: ColumnElement[Any] | None = None,
    amount: ColumnElement[Any] | None = None,
    currency: ColumnElement[Any] | None = None,
    *,
    most: int,
) -> Kind:
    count = conn.execute(select(func.count()).select_from(table).where(waits)).scalar_one()
    if not count or not most:
        return Kind(name, int(count), ())
    columns = [
        subject,
        *(null() if each is None else each for each in (account_id, at, amount, currency)),
    ]
    order = subject if at is None else at
    query = select(*columns).select_from(table).where(waits).order_by(order, subject).limit(most)
    rows = conn.execute(query).all()
    return Kind(name, int(count), [Waiting(_id(row[0]), *row[1:]) for row in rows])


def _id(value: object) -> str:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)


def _fence(conn: Connection) -> Kind:
    up = fence.is_up(conn)
    first = [Waiting("restore", None, None, None, None)] if up else []
    return Kind("gateway.fenced", int(up), first)
