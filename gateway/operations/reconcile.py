"""Payments that the rail made for runs which the restored books lost: posted, so that they are not
made again.

What was collected from an account is credited to what it owes, and what was paid to it is debited
to what it is owed (or, if it was of a withdrawal, to its deposits), each by a new entry. The next
run settles all intervals anew, the lost run's among them, and nets them with that: `carried` in its
positions. No entry is ever edited.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from gateway.ledger import chart
from gateway.ledger.entry import Entry, Posting
from gateway.operations.errors import BadInput
from gateway.settlement import instructions
from gateway.settlement.rails import COLLECT, PAY, Instruction, Outcome, Rail
from gateway.store import accounts, fence, journal
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base

instruction = Base.metadata.tables["instruction"]
found_table = Base.metadata.tables["found"]
channel = Base.metadata.tables["channel"]

Handed = tuple[str, Instruction]
"""A rail's name, and an instruction that it was given."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a comparison came to: outcomes of instructions that the books have, and payments found
    for runs that they lost (`done`, and `failed`, which move nothing)."""

    known: int
    done: int
    failed: int


def handed_over(rails: Iterable[Rail]) -> dict[str, Handed]:
    """All instructions that these rails have a record of, by id. Raises RailError, OSError."""
    return {each.id: (rail.name, each) for rail in rails for each in rail.handed_over()}


def reconcile(
    conn: Connection, lost: Mapping[str, Handed], outcomes: Sequence[Outcome], at: int
) -> Reconciled:
    """Post what the rail did, all or nothing; again with the same it changes nothing.

    `lost` is every instruction that was handed to a rail, as its own record has them; those that
    the books know may be among them. Raises BadInput if an outcome is of an instruction that is in
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
            if told[each.instruction_id].outcome != _moved(each):
                raise Conflict(
                    f"instruction {each.instruction_id}: it is recorded as "
                    f"{told[each.instruction_id].outcome}"
                )
        elif each.instruction_id in lost:
            _post(conn, *lost[each.instruction_id], each, at)
            counted[_moved(each)] += 1
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


def _moved(outcome: Outcome) -> str:
    """Whether money has moved for good: what was returned has not."""
    return "done" if outcome.outcome == "done" else "failed"


def _of_the_books(conn: Connection, row: Row[Any], outcome: Outcome, at: int) -> bool:
    if row.state == "pending":
        # The rail has had it, so it was handed over after the backup.
        instructions.handed_over(conn, row)
    return instructions.record_outcome(conn, row.id, outcome.outcome, outcome.note, at)


def _post(conn: Connection, rail: str, each: Instruction, outcome: Outcome, at: int) -> None:
    try:
        account = accounts.get(conn, each.account_id)
    except NotFound as error:
        raise NotFound(
            f"account {each.account_id}: unknown to the restored books; add it again first"
        ) from error
    if account.currency != each.currency:
        raise BadInput("instructions", f"{each.id}: must be in {account.currency}, the account's")
    if each.scale > account.scale or each.amount == 0:
        raise BadInput(
            "instructions",
            f"{each.id}: must be of an amount above zero with at most {account.scale} decimals",
        )
    if each.run == 0 and each.direction != PAY:
        raise BadInput("instructions", f"{each.id}: must be of a run, if it collects")
    amount = each.amount * 10 ** (account.scale - each.scale)
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
            outcome=_moved(outcome),
            note=outcome.note,
            at=at,
        )
    )
    if _moved(outcome) == "done":
        journal.append(conn, _entry(rail, each, amount, outcome.note, at))


def _entry(rail: str, each: Instruction, amount: int, note: str, at: int) -> Entry:
    if each.direction == COLLECT:
        moved, owner = amount, chart.payer(each.account_id)
    elif each.run == 0:
        moved, owner = -amount, chart.funds(each.account_id)
    else:
        moved, owner = -amount, chart.payee(each.account_id)
    postings = (
        Posting(chart.rail(rail), each.currency, moved),
        Posting(owner, each.currency, -moved),
    )
    return Entry("found", f"found:{each.id}", at, postings, note)


def shortfalls(conn: Connection) -> list[tuple[str, str, int]]:
    """(account, currency, atomic units) of what the rail moved beyond what the books prove.

    As payer: more was collected than its devices have shown; as payee, more was paid: a run now
    would send that back. Of deposits: more went back than is recorded, so the deposits that the
    books lost are to be recorded again.
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
        paid_in = -journal.balance(conn, chart.funds(name), currency)
        found += [(name, currency, -proven) for proven in (owes, due, paid_in) if proven < 0]
    return found


def _unsettled(conn: Connection, side: str, account_id: str) -> int:
    total = conn.execute(
        select(func.coalesce(func.sum(channel.c.amount - channel.c.settled_amount), 0)).where(
            channel.c[f"{side}_account"] == account_id, channel.c.state != "closed"
        )
    ).scalar_one()
    return int(total)
