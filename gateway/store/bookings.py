"""Queries on what banks said: files, bookings, and the instructions that these were for."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gateway.ledger import states
from gateway.store.errors import NotFound
from gateway.store.tables import Base
from gateway.store.tables_bank import BankFile, Booking

file = Base.metadata.tables["bank_file"]
table = Base.metadata.tables["booking"]
match = Base.metadata.tables["booking_match"]
instruction = Base.metadata.tables["instruction"]

SHORTEST = 8
"""The shortest beginning of an id that may stand for it: none at all would name any booking."""


def is_file_known(conn: Connection, id_: str) -> bool:
    """Whether a file was taken in."""
    return conn.execute(select(file.c.id).where(file.c.id == id_)).one_or_none() is not None


def add_file(conn: Connection, new: BankFile) -> None:
    """Keep a file."""
    conn.execute(insert(file).values(**new.model_dump()))


def add(conn: Connection, new: Booking) -> None:
    """Keep a booking."""
    conn.execute(insert(table).values(**new.model_dump()))


def is_known(conn: Connection, id_: str) -> bool:
    """Whether a booking was applied."""
    return conn.execute(select(table.c.id).where(table.c.id == id_)).one_or_none() is not None


def find(conn: Connection, start: str) -> Row[Any]:
    """The booking whose id begins so, with SHORTEST digits or more. Raises NotFound if there is
    none, or several."""
    if len(start) < SHORTEST:
        raise NotFound(f"booking {start}: give at least {SHORTEST} digits of it")
    query = select(table).where(table.c.id.startswith(start, autoescape=True)).limit(2)
    rows = conn.execute(query).all()
    if len(rows) != 1:
        several = "several begin so; give more of it" if rows else "unknown"
        raise NotFound(f"booking {start}: {several}")
    return rows[0]


def named(conn: Connection, rail: str, end_to_end: str) -> Row[Any] | None:
    """The first booking of money that came in over a rail under this end-to-end id; None if there
    is none."""
    query = select(table).where(
        table.c.rail == rail, table.c.end_to_end == end_to_end, table.c.amount > 0
    )
    return conn.execute(query.order_by(table.c.id).limit(1)).one_or_none()


def in_suspense(conn: Connection, *, after: str = "", limit: int = 100) -> Sequence[Row[Any]]:
    """At most `limit` bookings of which nobody knows what they were for, by id."""
    query = select(table).where(table.c.state == "suspense", table.c.id > after)
    return conn.execute(query.order_by(table.c.id).limit(limit)).all()


def assign(conn: Connection, id_: str, note: str, by: str, at: int) -> None:
    """Move a booking out of suspense. Raises IllegalMove."""
    now = conn.execute(select(table.c.state).where(table.c.id == id_)).scalar_one()
    conn.execute(
        update(table)
        .where(table.c.id == id_)
        .values(
            state=states.move(states.BOOKING, now, "assigned"),
            note=note,
            assigned_by=by,
            assigned_at=at,
        )
    )


def add_match(conn: Connection, instruction_id: str, what: str, booking: str) -> None:
    """Note that a booking is an instruction's `payment` or `return`."""
    conn.execute(insert(match).values(instruction_id=instruction_id, what=what, booking_id=booking))


def matched(conn: Connection, instruction_id: str, what: str) -> bool:
    """Whether an instruction's `payment` or `return` is booked."""
    query = select(match.c.booking_id).where(
        match.c.instruction_id == instruction_id, match.c.what == what
    )
    return conn.execute(query).one_or_none() is not None


def instructed(conn: Connection, rail: str, reference: str) -> Row[Any] | None:
    """The instruction that a rail carries under this reference; None if there is none."""
    query = select(instruction).where(
        instruction.c.rail == rail, instruction.c.reference == reference
    )
    return conn.execute(query).one_or_none()


def instructions(
    conn: Connection, rail: str, run: int | None, id_: str | None, direction: str
) -> Sequence[Row[Any]]:
    """A rail's instructions in one direction: those of a run, or the one with an id; by id."""
    which = instruction.c.id == id_ if run is None else instruction.c.run == run
    query = select(instruction).where(
        which, instruction.c.rail == rail, instruction.c.direction == direction
    )
    return conn.execute(query.order_by(instruction.c.id)).all()
