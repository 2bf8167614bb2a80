"""What is stored of one account, table by table: for its export and its erasure.

Conditions only. Whoever comes with a new table that holds something of an account adds it here, and
a test finds who did not.
"""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    Table,
    and_,
    cast,
    func,
    or_,
    select,
)

from gateway.ledger import chart
from gateway.store import schema  # noqa: F401  (registers all tables)
from gateway.store.tables import Base

_table = Base.metadata.tables

SECRET = frozenset(
    {"password_hash", "totp_secret", "totp_step", "code_hash", "link_hash", "secret_hash"}
)
"""Columns that are nobody's to be told."""


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one table that are of an account; `name` is what an export calls them."""

    name: str
    table: Table
    which: ColumnElement[bool]


def devices(account: str) -> Select[Any]:
    """The ids of an account's devices."""
    device = _table["device"]
    return select(device.c.id).where(device.c.account_id == account)


def channels(account: str) -> Select[Any]:
    """The ids of channels on which it pays or is paid."""
    channel = _table["channel"]
    return select(channel.c.id).where(_either(account))


def people(account: str) -> Select[Any]:
    """The names of those who see an account as its owners."""
    seen = _table["person_account"]
    return select(seen.c.person).where(seen.c.account == account)


def people_of_it_alone(account: str) -> Select[Any]:
    """The names of those who see this account and no other."""
    seen = _table["person_account"]
    others = select(seen.c.person).where(seen.c.account != account)
    return people(account).where(seen.c.person.not_in(others))


def instructions(account: str) -> Select[Any]:
    """The ids of instructions to pay it, or to collect from it."""
    instruction = _table["instruction"]
    return select(instruction.c.id).where(instruction.c.account_id == account)


def addresses(conn: Connection, account: str) -> list[str]:
    """The addresses on a chain that it has named as its own."""
    payout = _table["payout_account"]
    of_it = select(payout.c.details).where(payout.c.account_id == account, payout.c.rail == "evm")
    details = (json.loads(each) for each in conn.execute(of_it).scalars())
    return [each["address"] for each in details if "address" in each]


def _either(account: str) -> ColumnElement[bool]:
    channel = _table["channel"]
    return or_(channel.c.payer_account == account, channel.c.payee_account == account)


def ledger_accounts(account: str) -> list[str]:
    """The ledger accounts in which the books have it."""
    return [
        chart.payer(account),
        chart.payee(account),
        chart.settling(account),
        chart.funds(account),
        chart.fees(account),
    ]


def bookings(account: str) -> ColumnElement[bool]:
    """That a booking was for its instructions or came to be its deposit, or is one of these under a
    second name; or paid it what no instruction asked for."""
    booking, match, deposit = _table["booking"], _table["booking_match"], _table["deposit"]
    entry = _table["entry"]
    posted = select(entry.c.reference).where(entry.c.seq.in_(entries(account)))
    of_it = and_(deposit.c.account_id == account, deposit.c.rail == booking.c.rail)
    of_instructions = match.c.instruction_id.in_(instructions(account))
    matched = select(match.c.booking_id).where(of_instructions)
    deposited = select(deposit.c.reference).where(of_it)
    return or_(
        booking.c.id.in_(matched),
        booking.c.id.in_(deposited),
        and_(booking.c.end_to_end != "", booking.c.end_to_end.in_(deposited)),
        ("paid:" + booking.c.id).in_(posted),
        booking.c.note.in_(select("is " + deposit.c.reference).where(of_it)),
        booking.c.note.in_(select("is " + match.c.booking_id).where(of_instructions)),
    )


def entries(account: str) -> Select[Any]:
    """The numbers of journal entries with a line of it."""
    posting = _table["posting"]
    return select(posting.c.entry_seq).where(posting.c.account.in_(ledger_accounts(account)))


def events(account: str) -> ColumnElement[bool]:
    """That an event is its affair, or happened to what is its."""
    event = _table["event"]
    return or_(
        event.c.account_id == account,
        and_(event.c.kind.like("device.%"), event.c.subject.in_(devices(account))),
    )


def audited(conn: Connection, account: str) -> ColumnElement[bool]:
    """That a record of the audit log is about it, or about what is its."""
    audit = _table["audit"]
    deposit, withdrawal = _table["deposit"], _table["withdrawal"]
    channel, reversal = _table["channel"], _table["reversal"]
    booking, payout, claim = _table["booking"], _table["payout_account"], _table["claim"]
    in_hex = (
        func.lower(func.hex(channel.c.id))
        if conn.dialect.name == "sqlite"
        else func.encode(channel.c.id, "hex")
    )
    of_devices = devices(account)
    subjects: dict[str, Select[Any] | list[str]] = {
        "account.": [account],
        "schedule.": [account],
        "device.": of_devices,
        "gateway.declare_lost": of_devices,
        "channel.": select(in_hex).where(_either(account)),
        "claim.": select(claim.c.id).where(claim.c.account_id == account),
        "payout_account.": select(payout.c.id).where(payout.c.account_id == account),
        "deposit.": select(deposit.c.rail + ":" + deposit.c.reference).where(
            deposit.c.account_id == account
        ),
        "withdrawal.": select(cast(withdrawal.c.number, String)).where(
            withdrawal.c.account_id == account
        ),
        "instruction.": instructions(account),
        "reversal.": select(cast(reversal.c.number, String)).where(
            reversal.c.entry_seq.in_(entries(account))
        ),
        "bank.assign": select(booking.c.id).where(bookings(account)),
        "person.": people(account),
    }
    return or_(
        *(
            and_(audit.c.action.like(action + "%"), audit.c.subject.in_(which))
            for action, which in subjects.items()
        )
    )


def parts(conn: Connection, account: str) -> list[Part]:
    """All that is stored of an account, in the order of an export."""

    def of(name: str, column: str = "account_id") -> ColumnElement[bool]:
        return _table[name].c[column] == account

    def within(name: str, column: str, ids: Select[Any]) -> Part:
        return Part(name, _table[name], _table[name].c[column].in_(ids))

    of_devices, of_channels = devices(account), channels(account)
    token_account = _table["token_account"]
    tokens = select(token_account.c.token).where(token_account.c.account == account)
    names = people(account)
    return [
        Part("account", _table["account"], of("account", "id")),
        within("person", "name", names),
        Part("person_account", _table["person_account"], of("person_account", "account")),
        within("welcome", "person", names),
        within("session", "person", names),
        within("token", "id", tokens),
        Part("device", _table["device"], of("device")),
        within("presence", "device_id", of_devices),
        Part("claim", _table["claim"], of("claim")),
        Part("tariff", _table["tariff"], of("tariff", "payee_account")),
        within("listing", "device_id", of_devices),
        Part("channel", _table["channel"], _either(account)),
        within("topup", "channel_id", of_channels),
        within("leg", "channel_id", of_channels),
        within("evidence", "channel_id", of_channels),
        within("interval", "channel_id", of_channels),
        Part("position", _table["position"], of("position", "account")),
        Part("statement", _table["statement"], of("statement", "account")),
        Part("schedule", _table["schedule"], of("schedule")),
        Part("payout_account", _table["payout_account"], of("payout_account")),
        Part("deposit", _table["deposit"], of("deposit")),
        Part("backing", _table["backing"], of("backing")),
        Part(
            "chain_deposit",
            _table["chain_deposit"],
            _table["chain_deposit"].c.owner.in_(addresses(conn, account)),
        ),
        Part("erasure", _table["erasure"], of("erasure")),
        Part("withdrawal", _table["withdrawal"], of("withdrawal")),
        Part("instruction", _table["instruction"], of("instruction")),
        within("conclusion", "instruction_id", instructions(account)),
        Part("found", _table["found"], of("found")),
        Part("booking", _table["booking"], bookings(account)),
        within("booking_match", "instruction_id", instructions(account)),
        Part(
            "posting",
            _table["posting"],
            _table["posting"].c.account.in_(ledger_accounts(account)),
        ),
        Part("reversal", _table["reversal"], _table["reversal"].c.entry_seq.in_(entries(account))),
        Part("event", _table["event"], events(account)),
        Part("audit", _table["audit"], audited(conn, account)),
    ]
