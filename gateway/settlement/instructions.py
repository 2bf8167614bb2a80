"""Handing instructions to a rail, and posting what came of them.

Done: the settling account is cleared against the rail's. Failed: the debt goes back to where it
came from, by a new entry, and the next run takes it up.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from gateway.ledger import chart, states
from gateway.ledger.entry import Entry, Posting
from gateway.settlement import run as runs
from gateway.settlement.rails import Instruction, Rail
from gateway.store import fence, journal
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base

instruction = Base.metadata.tables["instruction"]
account = Base.metadata.tables["account"]
run_table = Base.metadata.tables["run"]


def of_run(conn: Connection, run: int) -> Sequence[Row[Any]]:
    """All instructions of a run, by account."""
    query = select(instruction).where(instruction.c.run == run)
    return conn.execute(query.order_by(instruction.c.account_id)).all()


def submit_pending(store: Store, rail: Rail) -> int:
    """Hand a rail its pending instructions, run by run; returns how many it took.

    The rail is called outside any transaction, and again with the same ones if this was cut off
    before the rail's answer was stored. Raises what the rail raises; then nothing is marked.
    Raises RestoreFenced while restored books are not reconciled.
    """
    count = 0
    with store.read() as conn:
        fence.check(conn)
        pending = (
            conn.execute(
                select(instruction.c.run)
                .where(instruction.c.state == "pending", instruction.c.rail == rail.name)
                .distinct()
                .order_by(instruction.c.run)
            )
            .scalars()
            .all()
        )
    for run in pending:
        with store.read() as conn:
            values = _values(conn, run, rail.name)
        rail.submit(run, values)
        with store.write() as conn:
            fence.check(conn)
            conn.execute(
                update(instruction)
                .where(
                    instruction.c.run == run,
                    instruction.c.rail == rail.name,
                    instruction.c.state == "pending",
                )
                .values(state=states.move(states.INSTRUCTION, "pending", "submitted"))
            )
        count += len(values)
    return count


def _values(conn: Connection, run: int, rail: str) -> list[Instruction]:
    rows = conn.execute(
        select(instruction, account.c.name, run_table.c.scale)
        .join(account, account.c.id == instruction.c.account_id)
        .join(run_table, run_table.c.number == instruction.c.run)
        .where(instruction.c.run == run, instruction.c.rail == rail)
        .order_by(instruction.c.id)
    )
    return [
        Instruction(
            row.id,
            row.run,
            row.account_id,
            row.name,
            row.direction,
            int(row.amount),
            row.currency,
            row.scale,
        )
        for row in rows
    ]


def record_outcome(conn: Connection, instruction_id: str, outcome: str, note: str, at: int) -> bool:
    """Post that an instruction was `done` or `failed`, at Unix second `at`; true if that is news.

    A run whose last instruction this was is completed. Raises NotFound, Conflict if the
    instruction has the other outcome already, IllegalMove if it was never submitted or if the
    outcome is another word.
    """
    journal.lock(conn)
    row = conn.execute(select(instruction).where(instruction.c.id == instruction_id)).one_or_none()
    if row is None:
        raise NotFound(f"instruction {instruction_id}: unknown")
    if row.state == outcome and outcome in ("done", "failed"):
        return False
    if row.state in ("done", "failed"):
        raise Conflict(f"instruction {instruction_id}: it is recorded as {row.state}")
    states.move(states.INSTRUCTION, row.state, outcome)
    journal.append(conn, outcome_entry(row, outcome, note, at))
    conn.execute(
        update(instruction)
        .where(instruction.c.id == instruction_id)
        .values(state=outcome, note=note)
    )
    unsettled = conn.execute(
        select(func.count())
        .select_from(instruction)
        .where(instruction.c.run == row.run, instruction.c.state.in_(("pending", "submitted")))
    ).scalar_one()
    if unsettled == 0:
        runs.set_state(conn, row.run, "completed")
    return True


def outcome_entry(row: Row[Any], outcome: str, note: str, at: int) -> Entry:
    """The entry of an instruction's outcome."""
    owed = int(row.amount) if row.direction == "collect" else -int(row.amount)
    if outcome == "done":
        other = chart.rail(row.rail)
    elif row.direction == "collect":
        other = chart.payer(row.account_id)
    else:
        other = chart.payee(row.account_id)
    postings = (
        Posting(other, row.currency, owed),
        Posting(chart.settling(row.account_id), row.currency, -owed),
    )
    return Entry("outcome", f"outcome:{row.id}", at, postings, f"{outcome}: {note}")
