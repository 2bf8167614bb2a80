"""Erasing what is personal of an account, and finding what still keeps it open.

The books stay: every amount, signature and hash. What is erased is whatever says who it was. When
that may be done is decided elsewhere.
"""

import json
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, or_, select, update

from gateway.store import audit, personal
from gateway.store.tables import Base

_table = Base.metadata.tables
_SHOWN = 5
"""Of what is open of one kind, so many are named."""


_Question = tuple[str, ColumnElement[Any], tuple[ColumnElement[bool], ...]]


def still_open(conn: Connection, account: str, now: int) -> list[str]:
    """What keeps an account from being erased at `now` (Unix seconds), in words; some of it, where
    it is much."""
    found: list[str] = []
    for said, column, which in _asked(account, now):
        values = conn.execute(select(column).where(*which).limit(_SHOWN)).scalars()
        found += (said.format(each.hex() if isinstance(each, bytes) else each) for each in values)
    return found


def _asked(account: str, now: int) -> list[_Question]:
    """What must not be found: in words, what names it, and by which conditions."""
    channel, device, claim = _table["channel"], _table["device"], _table["claim"]
    payout, withdrawal = _table["payout_account"], _table["withdrawal"]
    instruction, reversal = _table["instruction"], _table["reversal"]
    position, run, tariff = _table["position"], _table["run"], _table["tariff"]
    balance, backing = _table["balance"], _table["backing"]
    running = select(run.c.number).where(run.c.state != "completed")
    return [
        (
            "channel {} is not closed",
            channel.c.id,
            (channel.c.id.in_(personal.channels(account)), channel.c.state != "closed"),
        ),
        (
            "device {} is not revoked",
            device.c.id,
            (device.c.account_id == account, device.c.status != "revoked"),
        ),
        (
            "claim {} can still be used",
            claim.c.id,
            (
                claim.c.account_id == account,
                claim.c.used_at.is_(None),
                claim.c.revoked_at.is_(None),
                claim.c.expires_at > now,
            ),
        ),
        (
            "tariff {} is not retired",
            tariff.c.name,
            (
                or_(tariff.c.payee_account == account, tariff.c.fee_account == account),
                tariff.c.status == "active",
            ),
        ),
        (
            "payout account {} waits for a decision",
            payout.c.id,
            (payout.c.account_id == account, payout.c.state == "proposed"),
        ),
        (
            "withdrawal {} waits for a decision",
            withdrawal.c.number,
            (withdrawal.c.account_id == account, withdrawal.c.state == "requested"),
        ),
        (
            "instruction {} has no outcome",
            instruction.c.id,
            (
                instruction.c.account_id == account,
                instruction.c.state.in_(("pending", "submitted")),
            ),
        ),
        (
            "reversal {} waits for a decision",
            reversal.c.number,
            (
                reversal.c.entry_seq.in_(personal.entries(account)),
                reversal.c.state == "proposed",
            ),
        ),
        (
            "run {} is not completed",
            position.c.run,
            (position.c.account == account, position.c.run.in_(running)),
        ),
        (
            "something is locked with the rail {}",
            backing.c.rail,
            (backing.c.account_id == account, backing.c.amount != 0),
        ),
        (
            "the books have a balance at {}",
            balance.c.account,
            (balance.c.account.in_(personal.ledger_accounts(account)), balance.c.amount != 0),
        ),
    ]


def erase(conn: Connection, account: str, at: int) -> dict[str, object]:
    """Erase what says who an account is; how many rows of what. Needs the journal's lock."""
    booking, payout = _table["booking"], _table["payout_account"]
    deposit, instruction, found = _table["deposit"], _table["instruction"], _table["found"]
    conclusion, reversal = _table["conclusion"], _table["reversal"]
    its = personal.instructions(account)
    # Before the links by which they are found are taken away.
    counts: dict[str, object] = {
        "audit": audit.erase(conn, personal.audited(conn, account)),
        "event": _forget_events(conn, account),
        "device": _rename(
            conn, _table["device"], conn.execute(personal.devices(account)).scalars().all()
        ),
        "booking": _blank(
            conn, booking, personal.bookings(account), party="", party_iban="", text=""
        ),
        "payout_account": _blank(conn, payout, payout.c.account_id == account, details="{}"),
        "deposit": _blank(conn, deposit, deposit.c.account_id == account, note=""),
        "instruction": _forget_destinations(conn, instruction, instruction.c.account_id == account),
        "found": _blank(conn, found, found.c.account_id == account, note=""),
        "conclusion": _blank(conn, conclusion, conclusion.c.instruction_id.in_(its), reason=""),
        "reversal": _blank(
            conn, reversal, reversal.c.entry_seq.in_(personal.entries(account)), reason=""
        ),
    }
    presence, listed = _table["presence"], _table["account"]
    conn.execute(delete(presence).where(presence.c.device_id.in_(personal.devices(account))))
    conn.execute(
        update(listed)
        .where(listed.c.id == account)
        .values(name=pseudonym(), status="closed", credit_limit=0, erased_at=at)
    )
    return counts


def pseudonym() -> str:
    """A name that says nothing, and that nothing leads to."""
    return f"erased {secrets.token_hex(6)}"


def forget_people(conn: Connection, account: str) -> None:
    """Let nobody see an account as its owner."""
    seen = _table["person_account"]
    conn.execute(delete(seen).where(seen.c.account == account))


def tokens_of_it_alone(conn: Connection, account: str) -> Sequence[str]:
    """The tokens of owners that see this account and no other."""
    seen = _table["token_account"]
    others = select(seen.c.token).where(seen.c.account != account)
    query = select(seen.c.token).where(seen.c.account == account, seen.c.token.not_in(others))
    return conn.execute(query).scalars().all()


def rename_tokens(conn: Connection, ids: Sequence[str]) -> None:
    """Give tokens names that say nothing."""
    _rename(conn, _table["token"], ids)


def _rename(conn: Connection, table: Table, ids: Sequence[str]) -> int:
    if ids:
        query = (
            update(table).where(table.c.id == bindparam("which")).values(name=bindparam("named"))
        )
        conn.execute(query, [{"which": id_, "named": pseudonym()} for id_ in ids])
    return len(ids)


def _blank(conn: Connection, table: Table, which: ColumnElement[bool], **blank: str) -> int:
    """Set columns to what says nothing, where they say something."""
    says = or_(*(table.c[name] != value for name, value in blank.items()))
    return conn.execute(update(table).where(which, says).values(**blank)).rowcount


def _forget_destinations(conn: Connection, table: Table, which: ColumnElement[bool]) -> int:
    """All but what a bank's later word on it is matched by, which says nothing of anybody."""
    count = _blank(conn, table, which, note="")
    for row in conn.execute(select(table).where(which, table.c.destination != "{}")).all():
        told = json.loads(row.destination)
        kept = {"sequence": told["sequence"]} if "sequence" in told else {}
        if kept != told:
            values = {"destination": json.dumps(kept)}
            conn.execute(update(table).where(table.c.id == row.id).values(**values))
    return count


def _forget_events(conn: Connection, account: str) -> int:
    event, delivery = _table["event"], _table["delivery"]
    which = personal.events(account)
    conn.execute(delete(delivery).where(delivery.c.event_id.in_(select(event.c.id).where(which))))
    return conn.execute(delete(event).where(which)).rowcount


def old_bank_texts(conn: Connection, before: int) -> int:
    """Blank what banks told of payers in files from before a Unix second, save where nobody knows
    yet whose money it was; of how many bookings."""
    booking, file = _table["booking"], _table["bank_file"]
    old = booking.c.file_id.in_(select(file.c.id).where(file.c.at < before))
    known = booking.c.state != "suspense"
    return _blank(conn, booking, old & known, party="", party_iban="", text="")


def old_payout_details(conn: Connection, before: int) -> int:
    """Blank where accounts were paid that ended before a Unix second, and where instructions went
    that ended, of runs and withdrawals from before it; of how many."""
    payout, instruction = _table["payout_account"], _table["instruction"]
    run, withdrawal = _table["run"], _table["withdrawal"]
    awaited = select(withdrawal.c.payout_account).where(withdrawal.c.state == "requested")
    ended = (payout.c.ended_at < before) & payout.c.id.not_in(awaited)
    of_old = or_(
        instruction.c.run.in_(select(run.c.number).where(run.c.period_end < before)),
        instruction.c.withdrawal.in_(
            select(withdrawal.c.number).where(withdrawal.c.decided_at < before)
        ),
    )
    over = instruction.c.state.in_(("done", "failed", "returned"))
    return _blank(conn, payout, ended, details="{}") + _forget_destinations(
        conn, instruction, of_old & over
    )


def old_audit_details(conn: Connection, before: int) -> int:
    """Erase the details of audit records from before a Unix second; of how many."""
    return audit.erase(conn, audit.table.c.at < before)
