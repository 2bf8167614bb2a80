"""What a run is to make of each account: its position, what of it is moved, and the entries for it.

`of_run` is of a run that has cut its intervals; `ahead` is of one that was only asked for, and
changes nothing: it says what a run would come to that began now.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, TextClause, select, text

from gateway.ledger import chart
from gateway.ledger.entry import Entry
from gateway.settlement import fees
from gateway.settlement.destinations import Destinations
from gateway.settlement.netting import (
    Position,
    Turnover,
    funds_entry,
    netting_entry,
    positions,
)
from gateway.settlement.scope import Moved, Scope
from gateway.store import pending
from gateway.store.tables import Base

balance = Base.metadata.tables["balance"]

# By entries, which are few: all intervals of one are between the same two accounts, so that one
# channel tells whose they are, and its postings whose the fees.
_OF_RUN = text(
    "WITH cut AS MATERIALIZED ("
    "SELECT entry_seq, sum(to_amount - from_amount) AS amount, sum(fee) AS fee"
    " FROM interval WHERE run = :run GROUP BY entry_seq),"
    " pair AS MATERIALIZED (SELECT c.payer_account, c.payee_account, cut.amount, cut.fee FROM cut"
    " JOIN channel c ON c.id = (SELECT i.channel_id FROM interval i"
    " WHERE i.run = :run AND i.entry_seq = cut.entry_seq LIMIT 1))"
    " SELECT account, sum(debits) AS debits, sum(credits) AS credits, sum(fees) AS fees FROM ("
    " SELECT payer_account AS account, amount AS debits, 0 AS credits, 0 AS fees FROM pair"
    " UNION ALL SELECT payee_account, 0, amount, fee FROM pair"
    " UNION ALL SELECT substr(p.account, :after), 0, 0, p.amount FROM cut"
    " JOIN posting p ON p.entry_seq = cut.entry_seq WHERE p.account LIKE :fees"
    ") AS sides GROUP BY account"
)
_POSTED = (
    "SELECT i.channel_id, i.from_amount, i.to_amount, i.fee FROM interval i"
    " JOIN channel c ON c.id = i.channel_id JOIN tariff t ON t.id = c.tariff_id"
    " WHERE i.run IS NULL AND t.currency = :currency {scope}"
)
_DUE = (
    "SELECT c.id AS channel_id, c.settled_amount AS from_amount, c.amount AS to_amount,"
    " {fee} AS fee FROM channel c JOIN tariff t ON t.id = c.tariff_id"
    " WHERE c.state = 'open' AND c.amount > c.settled_amount AND t.currency = :currency {scope}"
).replace(
    "{fee}",
    fees.SQL.format(amount="(c.amount - c.settled_amount)", bp="t.fee_bp", fixed="t.fee_fixed"),
)
_SIDE = (
    " SELECT {account} AS account, {debits} AS debits, {credits} AS credits, {fees} AS fees"
    " FROM cut i JOIN channel c ON c.id = i.channel_id JOIN tariff t ON t.id = c.tariff_id"
)
_AMOUNT = "i.to_amount - i.from_amount"
_SIDES = (
    _SIDE.format(account="c.payer_account", debits=_AMOUNT, credits=0, fees=0),
    _SIDE.format(account="c.payee_account", debits=0, credits=_AMOUNT, fees="i.fee"),
    _SIDE.format(account="t.fee_account", debits=0, credits=0, fees="-i.fee") + " WHERE i.fee > 0",
)
_SUMS = "SELECT account, sum(debits) AS debits, sum(credits) AS credits, sum(fees) AS fees FROM"
_TURNOVER = f"WITH cut AS ({{cut}}) {_SUMS} ({' UNION ALL'.join(_SIDES)}) AS sides GROUP BY account"


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run is to make of one account: no entries if it is owed as before."""

    position: Position
    instructed: int
    entries: list[Entry]

    @property
    def stated(self) -> bool:
        """Whether the run has anything to tell the account."""
        return bool(self.entries) or self.position.turnover != Turnover()

    def values(self) -> dict[str, Any]:
        """The columns of a position, but for the run's number."""
        of = self.position
        return {
            "account": of.account,
            "debits": of.turnover.debits,
            "credits": of.turnover.credits,
            "fees": of.turnover.fees,
            "carried": of.carried,
            "net": of.net,
            "funds": of.funds,
            "instructed": self.instructed,
        }


def of_run(
    conn: Connection, run: int, moved: Moved, to: Destinations, at: int
) -> Iterator[Planned]:
    """What to make of each account, of a run whose intervals are posted, at Unix second `at`."""
    given = {"run": run, "after": len(chart.FEES) + 1, "fees": chart.FEES + "%"}
    turnover = _turnover(conn, _OF_RUN, given)
    yield from _plan(conn, run, turnover, _owed(conn, to.currency), moved, to, at)


def ahead(conn: Connection, scope: Scope, moved: Moved, to: Destinations) -> list[Planned]:
    """What a run of this scope would make of each account if it began now."""
    given = scope.given({"currency": to.currency})
    posted = _turnover(conn, scope.query(_TURNOVER.format(cut=_POSTED)), given)
    due = _turnover(conn, scope.query(_TURNOVER.format(cut=_DUE)), given)
    balances = _owed(conn, to.currency)
    for account, each in due.items():
        held = balances.setdefault(account, {})
        for name, amount in (
            (chart.payer(account), each.debits),
            (chart.payee(account), max(each.fees, 0) - each.credits),
            (chart.fees(account), min(each.fees, 0)),
        ):
            held[name] = held.get(name, 0) + amount
    turnover = {
        account: posted.get(account, Turnover()) + due.get(account, Turnover())
        for account in posted.keys() | due.keys()
    }
    return list(_plan(conn, 0, turnover, balances, moved, to, 0))


def of_nothing(conn: Connection, moved: Moved, to: Destinations) -> Iterator[Planned]:
    """What to make of each account, of a run that cuts no interval: what was carried."""
    yield from _plan(conn, 0, {}, _owed(conn, to.currency), moved, to, 0)


def _turnover(
    conn: Connection, query: TextClause, given: Mapping[str, object]
) -> dict[str, Turnover]:
    return {
        row.account: Turnover(int(row.debits), int(row.credits), int(row.fees))
        for row in conn.execute(query, given)
    }


def _plan(
    conn: Connection,
    run: int,
    turnover: Mapping[str, Turnover],
    balances: Mapping[str, Mapping[str, int]],
    moved: Moved,
    to: Destinations,
    at: int,
) -> Iterator[Planned]:
    funds = _funds(conn, to.currency)
    for each in positions(turnover, balances, funds):
        movable = to.movable(each.account, each.due)
        instructed = movable if moved.moves(each.account, movable) else 0
        held = balances.get(each.account, {})
        left = each.due - instructed
        entries = (
            netting_entry(run, each.account, to.currency, held, left, at),
            funds_entry(run, each, to.currency, at),
        )
        yield Planned(each, instructed, [entry for entry in entries if entry is not None])


def _owed(conn: Connection, currency: str) -> dict[str, dict[str, int]]:
    """What each account owes and is owed, by ledger account."""
    balances: dict[str, dict[str, int]] = {}
    for name, amount in conn.execute(
        select(balance.c.account, balance.c.amount).where(
            balance.c.currency == currency, balance.c.amount != 0
        )
    ):
        prefix, _, owner = name.partition(":")
        if f"{prefix}:" in chart.OWED:
            balances.setdefault(owner, {})[name] = int(amount)
    return balances


def _funds(conn: Connection, currency: str) -> dict[str, int]:
    """What is free of each account's deposits."""
    funds = {
        name.removeprefix(chart.FUNDS): -int(amount)
        for name, amount in conn.execute(
            select(balance.c.account, balance.c.amount).where(
                balance.c.currency == currency,
                balance.c.amount != 0,
                balance.c.account.startswith(chart.FUNDS, autoescape=True),
            )
        )
    }
    for name, amount in pending.debits(conn, chart.FUNDS, currency).items():
        owner = name.removeprefix(chart.FUNDS)
        funds[owner] = funds.get(owner, 0) - amount
    return funds
