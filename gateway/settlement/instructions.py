"""Handing instructions to a rail, and posting what came of them.

Done: the settling account is cleared against the rail's. Failed: the debt goes back to where it
came from, by a new entry, and the next run takes it up. Returned: what was moved is moved back, and
the debt reopened, by a new entry too; nothing that was posted is edited. An instruction of a
withdrawal has its entry pending already, which is posted or voided (`store.withdrawals`).
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select, update

from gateway.ledger import states
from gateway.settlement import run as runs
from gateway.settlement.funds import returned_entry
from gateway.settlement.netting import outcome_entry
from gateway.settlement.rails import COLLECT, OUTCOMES, Instruction, Rail
from gateway.store import fence, journal, withdrawals
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base

instruction = Base.metadata.tables["instruction"]
account = Base.metadata.tables["account"]
run_table = Base.metadata.tables["run"]
withdrawal = Base.metadata.tables["withdrawal"]


def of_run(conn: Connection, run: int) -> Sequence[Row[Any]]:
    """All instructions of a run, by account."""
    query = select(instruction).where(instruction.c.run == run)
    return conn.execute(query.order_by(instruction.c.account_id)).all()


def rails_of(conn: Connection, state: str) -> list[str]:
    """The names of the rails that have instructions in this state."""
    query = select(instruction.c.rail).where(instruction.c.state == state).distinct()
    return sorted(conn.execute(query).scalars())


def submit_pending(store: Store, rail: Rail) -> int:
    """Hand a rail its pending instructions, batch by batch; returns how many it took.

    The rail is called outside any transaction, and again with the same ones if this was cut off
    before the rail's answer was stored. Raises what the rail raises; then nothing is marked.
    Raises RestoreFenced while restored books are not reconciled.
    """
    count = 0
    with store.read() as conn:
        fence.check(conn)
        batches = _batches(conn, rail.name)
    for batch in batches:
        which = (batch, instruction.c.rail == rail.name, instruction.c.state == "pending")
        with store.read() as conn:
            values = _values(conn, *which)
        if not values:
            continue  # somebody else was faster
        rail.submit(values[0].batch, values)
        with store.write() as conn:
            fence.check(conn)
            _handed_over(conn, *which)
        count += len(values)
    return count


def handed_over(conn: Connection, row: Row[Any]) -> None:
    """Note that a rail has an instruction, and with it all of its batch: it takes all or none."""
    rail, pending = instruction.c.rail == row.rail, instruction.c.state == "pending"
    _handed_over(conn, _batch(row.run, row.withdrawal), rail, pending)


def _handed_over(conn: Connection, *which: ColumnElement[bool]) -> None:
    conn.execute(
        update(instruction)
        .where(*which)
        .values(state=states.move(states.INSTRUCTION, "pending", "submitted"))
    )


def _batch(run: int | None, withdrawal_: int | None) -> ColumnElement[bool]:
    """What is handed over together: all of a run, and each withdrawal by itself."""
    together: ColumnElement[bool] = (
        instruction.c.withdrawal == withdrawal_ if run is None else instruction.c.run == run
    )
    return together


def _batches(conn: Connection, rail: str) -> list[ColumnElement[bool]]:
    causes = conn.execute(
        select(instruction.c.run, instruction.c.withdrawal)
        .where(instruction.c.state == "pending", instruction.c.rail == rail)
        .distinct()
        .order_by(instruction.c.run, instruction.c.withdrawal)
    ).all()
    return [_batch(row.run, row.withdrawal) for row in causes]


def ask(store: Store, rail: Rail) -> int:
    """Ask a rail what came of the instructions that it has, and post it; returns how much was news.

    Raises what the rail raises, and Conflict if it contradicts what is recorded.
    """
    with store.read() as conn:
        values = _values(conn, instruction.c.rail == rail.name, instruction.c.state == "submitted")
    answers = rail.status(values)
    if not answers:
        return 0
    with store.write() as conn:
        at = store.now(conn)
        news = [
            record_outcome(conn, each.instruction_id, each.outcome, each.note, at)
            for each in answers
        ]
    return sum(news)


def _values(conn: Connection, *which: ColumnElement[bool]) -> list[Instruction]:
    rows = conn.execute(
        select(
            instruction,
            account.c.name,
            account.c.scale,
            func.coalesce(run_table.c.period_end, withdrawal.c.decided_at).label("at"),
        )
        .join(account, account.c.id == instruction.c.account_id)
        .outerjoin(run_table, run_table.c.number == instruction.c.run)
        .outerjoin(withdrawal, withdrawal.c.number == instruction.c.withdrawal)
        .where(*which)
        .order_by(instruction.c.id)
    )
    return [
        Instruction(
            row.id,
            row.run or 0,
            row.account_id,
            row.name,
            row.direction,
            int(row.amount),
            row.currency,
            row.scale,
            row.reference,
            json.loads(row.destination),
            row.at,
        )
        for row in rows
    ]


def given(conn: Connection, rail: str) -> dict[str, list[Instruction]]:
    """All that a rail was ever given, by batch."""
    found: dict[str, list[Instruction]] = {}
    for each in _values(conn, instruction.c.rail == rail, instruction.c.state != "pending"):
        found.setdefault(each.batch, []).append(each)
    return found


def waiting_at(conn: Connection, rail: str) -> frozenset[str]:
    """The ids of what a rail was given and that has no outcome."""
    query = select(instruction.c.id).where(
        instruction.c.rail == rail, instruction.c.state == "submitted"
    )
    return frozenset(conn.execute(query).scalars())


def get(conn: Connection, instruction_id: str) -> Row[Any]:
    """One instruction. Raises NotFound."""
    query = select(instruction).where(instruction.c.id == instruction_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"instruction {instruction_id}: unknown")
    return row


def conclude(conn: Connection, row: Row[Any], outcome: str, note: str, at: int) -> None:
    """Post what people know came of a pending instruction, `done` or `failed`.

    If it was done its rail has had it, and with it all of its batch. Needs the journal's lock.
    """
    if outcome == "done":
        handed_over(conn, row)
        record_outcome(conn, row.id, outcome, note, at)
        return
    _move(conn, row, outcome, note, at)
    if row.run is not None:
        _complete(conn, row.run)


def record_outcome(conn: Connection, instruction_id: str, outcome: str, note: str, at: int) -> bool:
    """Post what came of an instruction, one of OUTCOMES, at Unix second `at`; true if that is news.

    A run whose last instruction this was is completed. What is returned was done: the one is posted
    with the other if it had not been told, and is no news afterwards. Raises NotFound, Conflict if
    the instruction has an outcome that this one contradicts, IllegalMove if it was never submitted
    or if the outcome is another word.
    """
    journal.lock(conn)
    row = get(conn, instruction_id)
    if outcome in OUTCOMES and (row.state, outcome) in _NO_NEWS:
        return False
    if row.state in OUTCOMES and (row.state, outcome) != ("done", "returned"):
        raise Conflict(f"instruction {instruction_id}: it is recorded as {row.state}")
    if row.state == "pending":
        raise states.IllegalMove(f"instruction {instruction_id}: it was not handed to its rail")
    if (row.state, outcome) == ("submitted", "returned"):
        _move(conn, row, "done", note, at)
        row = get(conn, instruction_id)
    _move(conn, row, outcome, note, at)
    if row.run is not None:
        _complete(conn, row.run)
    return True


_NO_NEWS = {("done", "done"), ("failed", "failed"), ("returned", "returned"), ("returned", "done")}


def _move(conn: Connection, row: Row[Any], outcome: str, note: str, at: int) -> None:
    state = states.move(states.INSTRUCTION, row.state, outcome)
    owed = int(row.amount) if row.direction == COLLECT else -int(row.amount)
    if row.withdrawal is None:
        entry = outcome_entry(
            row.id, row.account_id, row.rail, row.currency, owed, outcome, note, at
        )
        journal.append(conn, entry)
    else:
        back = returned_entry(
            row.id, row.account_id, row.currency, int(row.amount), row.rail, at, note
        )
        withdrawals.conclude(conn, row.withdrawal, outcome, back, at)
    conn.execute(
        update(instruction).where(instruction.c.id == row.id).values(state=state, note=note)
    )
    runs.note_outcome(conn, outcome, row.id, row.account_id, owed, row.currency, note)


def _complete(conn: Connection, run: int) -> None:
    """Complete a run of whose instructions each has an outcome, unless it is already."""
    unsettled = conn.execute(
        select(func.count())
        .select_from(instruction)
        .where(instruction.c.run == run, instruction.c.state.in_(("pending", "submitted")))
    ).scalar_one()
    if unsettled == 0 and runs.get(conn, run).state != "completed":
        runs.set_state(conn, run, "completed")
