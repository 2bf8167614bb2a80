"""Payments that the rail made for runs which the restored books lost: posted, so that they are not
made again.

What was collected from an account is credited to what it owes, and what was paid to it is debited
to what it is owed, each by a new entry. The next run settles all intervals anew, the lost run's
among them, and nets them with that: `carried` in its positions. No entry is ever edited.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from gateway.ledger import chart, states
from gateway.ledger.entry import Entry, Posting
from gateway.operations.errors import BadInput
from gateway.operations.money import atomic
from gateway.settlement import instructions
from gateway.settlement.rails.manual import HEADER, Outcome, unsafe_cell
from gateway.store import accounts, fence, journal
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base

instruction = Base.metadata.tables["instruction"]
found_table = Base.metadata.tables["found"]
channel = Base.metadata.tables["channel"]


@dataclass(frozen=True, slots=True)
class Lost:
    """An instruction of a run that is not in the books, as the rail's file has it; `amount` as it
    is written there."""

    id: str
    run: int
    account_id: str
    direction: str
    amount: str
    currency: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a comparison came to: outcomes of instructions that the books have, and payments found
    for runs that they lost (`done`, and `failed`, which move nothing)."""

    known: int
    done: int
    failed: int


def read_instructions(name: str, content: str) -> dict[str, Lost]:
    """The instructions in a file that the manual rail wrote, by id. Raises BadInput."""
    rows = csv.reader(io.StringIO(content), strict=True)
    found: dict[str, Lost] = {}
    try:
        if tuple(next(rows, ())) != HEADER:
            raise BadInput("instructions", f"{name}: line 1 must be {','.join(HEADER)}")
        for row in rows:
            if len(row) != len(HEADER) or row[4] not in ("collect", "pay") or not _number(row[1]):
                raise BadInput("instructions", f"{name}: line {rows.line_num} is no instruction")
            each = Lost(
                unsafe_cell(row[0]), int(row[1]), unsafe_cell(row[2]), row[4], row[5], row[6]
            )
            found[each.id] = each
    except csv.Error as error:
        raise BadInput("instructions", f"{name}: line {rows.line_num}: {error}") from error
    return found


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < len(text) < 19 and int(text) > 0


def reconcile(
    conn: Connection, rail: str, lost: Mapping[str, Lost], outcomes: Sequence[Outcome], at: int
) -> Reconciled:
    """Post what the rail did, all or nothing; again with the same it changes nothing.

    `lost` is every instruction that was handed to the rail, as its files have them; those that the
    books know may be among them. Raises BadInput if an outcome is of an instruction that is in
    neither, or an instruction of a lost run has no outcome; NotFound for an account that the books
    do not know; Conflict for two outcomes of one instruction.
    """
    journal.lock(conn)
    own = {row.id: row for row in conn.execute(select(instruction))}
    told = {row.id: row for row in conn.execute(select(found_table))}
    counted = {"known": 0, "done": 0, "failed": 0}
    for each in outcomes:
        if each.instruction_id in own:
            counted["known"] += _of_the_books(conn, own[each.instruction_id], each, at)
        elif each.instruction_id in told:
            if told[each.instruction_id].outcome != each.outcome:
                raise Conflict(
                    f"instruction {each.instruction_id}: it is recorded as "
                    f"{told[each.instruction_id].outcome}"
                )
        elif each.instruction_id in lost:
            _post(conn, rail, lost[each.instruction_id], each, at)
            counted[each.outcome] += 1
        else:
            raise BadInput(
                "rail",
                f"{each.instruction_id} is in no books and no file of instructions: "
                "give the file that the rail got, --instructions run-N.csv",
            )
    named = {each.instruction_id for each in outcomes} | told.keys() | own.keys()
    missing = sorted(lost.keys() - named)
    if missing:
        raise BadInput(
            "rail",
            f"{', '.join(missing[:10])}: handed to the rail by runs that the books lost; "
            "the list must say of each whether it was done or failed",
        )
    return Reconciled(**counted)


def _of_the_books(conn: Connection, row: Row[Any], outcome: Outcome, at: int) -> bool:
    if row.state == "pending":
        # The rail has had it, so it was handed over after the backup.
        state = states.move(states.INSTRUCTION, "pending", "submitted")
        conn.execute(update(instruction).where(instruction.c.id == row.id).values(state=state))
    return instructions.record_outcome(conn, row.id, outcome.outcome, outcome.note, at)


def _post(conn: Connection, rail: str, each: Lost, outcome: Outcome, at: int) -> None:
    try:
        account = accounts.get(conn, each.account_id)
    except NotFound as error:
        raise NotFound(
            f"account {each.account_id}: unknown to the restored books; add it again first"
        ) from error
    if account.currency != each.currency:
        raise BadInput("instructions", f"{each.id}: must be in {account.currency}, the account's")
    amount = atomic("amount", each.amount, account.scale)
    if amount == 0:
        raise BadInput("instructions", f"{each.id}: its amount must be above zero")
    conn.execute(
        insert(found_table).values(
            id=each.id,
            generation=fence.number(conn),
            run=each.run,
            account_id=each.account_id,
            direction=each.direction,
            amount=amount,
            currency=each.currency,
            rail=rail,
            outcome=outcome.outcome,
            note=outcome.note,
            at=at,
        )
    )
    if outcome.outcome == "done":
        journal.append(conn, _entry(rail, each, amount, outcome.note, at))


def _entry(rail: str, each: Lost, amount: int, note: str, at: int) -> Entry:
    if each.direction == "collect":
        moved, owner = amount, chart.payer(each.account_id)
    else:
        moved, owner = -amount, chart.payee(each.account_id)
    postings = (
        Posting(chart.rail(rail), each.currency, moved),
        Posting(owner, each.currency, -moved),
    )
    return Entry("found", f"found:{each.id}", at, postings, note)


def shortfalls(conn: Connection) -> list[tuple[str, str, int]]:
    """(account, currency, atomic units) of what the rail moved beyond what the books prove.

    As payer: more was collected than its devices have shown; as payee, more was paid. A run now
    would send that back.
    """
    found = []
    query = (
        select(found_table.c.account_id, found_table.c.currency)
        .where(found_table.c.generation == fence.number(conn))
        .distinct()
    )
    rows = conn.execute(query.order_by(found_table.c.account_id)).all()
    for name, currency in rows:
        owes = journal.balance(conn, chart.payer(name), currency) + _unsettled(conn, "payer", name)
        due = -journal.balance(conn, chart.payee(name), currency) + _unsettled(conn, "payee", name)
        found += [(name, currency, -proven) for proven in (owes, due) if proven < 0]
    return found


def _unsettled(conn: Connection, side: str, account_id: str) -> int:
    total = conn.execute(
        select(func.coalesce(func.sum(channel.c.amount - channel.c.settled_amount), 0)).where(
            channel.c[f"{side}_account"] == account_id, channel.c.state != "closed"
        )
    ).scalar_one()
    return int(total)
