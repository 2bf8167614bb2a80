"""What all live channels come to together, per currency: for monitors and for people who watch."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, literal_column, select

from gateway.store import tables_books  # noqa: F401  (registers the table of instructions)
from gateway.store.tables import Base
from protocol.pricing import METERED

channel = Base.metadata.tables["channel"]
tariff = Base.metadata.tables["tariff"]
instruction = Base.metadata.tables["instruction"]

_HALF = 32


@dataclass(slots=True)
class Money:
    """Of one currency, in atomic units: what is owed on live channels and not yet settled
    (`in_flight`), what they may still come to owe (`reserved`), and what open ones may have
    delivered at most that nothing is signed for (`windows`)."""

    currency: str
    scale: int
    in_flight: int = 0
    reserved: int = 0
    windows: int = 0


@dataclass(slots=True)
class Figures:
    """How many channels are `open` and `frozen`, and the money of each currency."""

    channels: dict[str, int] = field(default_factory=lambda: {"open": 0, "frozen": 0})
    money: dict[str, Money] = field(default_factory=dict)


def _halves(value: ColumnElement[int]) -> tuple[ColumnElement[int], ColumnElement[int]]:
    # SQLite can't add beyond 2^63.
    high: ColumnElement[int] = literal_column(str(_HALF))
    low: ColumnElement[int] = literal_column(str(2**_HALF - 1))
    return func.sum(value.self_group().op(">>")(high)), func.sum(value.self_group().op("&")(low))


_LIVE = (
    select(
        tariff.c.currency,
        tariff.c.scale,
        tariff.c.numerator,
        tariff.c.denominator,
        tariff.c.pricing,
        tariff.c.session_fee,
        channel.c.state,
        func.count(),
        func.sum(case((channel.c.amount == 0, 1), else_=0)),
        *_halves(channel.c.amount - channel.c.settled_amount),
        *_halves(channel.c.capacity - channel.c.amount),
        *_halves(channel.c.window_units),
    )
    .join(tariff, tariff.c.id == channel.c.tariff_id)
    .where(channel.c.state.in_(("open", "frozen")))
    .group_by(tariff.c.id, channel.c.state)
)


_OF_ACCOUNTS = (
    _LIVE.add_columns(channel.c.payer_account)
    .where(channel.c.payer_account.in_(bindparam("ids", expanding=True)))
    .group_by(channel.c.payer_account)
)


def read(conn: Connection) -> Figures:
    """The figures of now; takes time with many channels, since it adds them all up."""
    found = Figures()
    for row in conn.execute(_LIVE):
        _add(found, *row)
    return found


def of_accounts(conn: Connection, ids: Sequence[str]) -> dict[str, Figures]:
    """The figures of the live channels that each of these accounts pays on."""
    found = {each: Figures() for each in ids}
    for *row, payer in conn.execute(_OF_ACCOUNTS, {"ids": list(ids)}):
        _add(found[payer], *row)
    return found


def most_reserved(conn: Connection, limit: int) -> list[str]:
    """The accounts whose live channels may come to the most, at most `limit` of them."""
    reserved = func.sum(channel.c.capacity - channel.c.settled_amount)
    query = (
        select(channel.c.payer_account)
        .where(channel.c.state.in_(("open", "frozen")))
        .group_by(channel.c.payer_account)
        .order_by(reserved.desc(), channel.c.payer_account)
        .limit(limit)
    )
    return list(conn.execute(query).scalars())


def _add(
    to: Figures,
    currency: str,
    scale: int,
    numerator: int,
    denominator: int,
    pricing: int,
    session_fee: int,
    state: str,
    count: int,
    unpaid: int,
    *sums: int,
) -> None:
    owed, free, units = (
        (int(high) << _HALF) + int(low) for high, low in zip(sums[::2], sums[1::2], strict=True)
    )
    to.channels[state] += int(count)
    money = to.money.setdefault(currency, Money(currency, scale))
    money.in_flight += owed
    money.reserved += free
    if state == "open" and pricing == METERED:
        money.windows += numerator * units // denominator + session_fee * int(unpaid)


def instructions(conn: Connection) -> dict[str, int]:
    """How many instructions no rail has taken yet (`pending`), and how many one has taken and not
    said the outcome of (`submitted`)."""
    found = {"pending": 0, "submitted": 0}
    query = (
        select(instruction.c.state, func.count())
        .where(instruction.c.state.in_(tuple(found)))
        .group_by(instruction.c.state)
    )
    return found | {state: int(count) for state, count in conn.execute(query)}
