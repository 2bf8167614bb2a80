"""How the gateway stands, on one page: what there is, what is at stake, what waits for a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from gateway.store import accounts, attention, devices, fence, figures, presence
from gateway.store.attention import Kind
from gateway.store.engine import Store
from gateway.store.figures import Figures, Money

_ACCOUNTS = 8
_FIRST = 5


@dataclass(frozen=True, slots=True)
class Exposed:
    """An account, its exposure, what that may come to (credit limit and free deposits), and what
    its live channels come to; atomic units."""

    account: Row[Any]
    exposure: int
    limit: int
    channels: int
    money: Money


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it as of one moment, `at` in Unix seconds. `online` is how many devices are there,
    `exposed` the accounts with the least left, `waiting` what waits for a person, and `scales` the
    decimal places of each currency."""

    at: int
    fenced: bool
    devices: Mapping[str, int]
    online: int
    figures: Figures
    exposed: Sequence[Exposed]
    waiting: Sequence[Kind]
    scales: Mapping[str, int]


def overview(store: Store) -> Overview:
    """How the gateway stands now."""
    with store.read() as conn:
        return Overview(
            at=store.now(conn),
            fenced=fence.is_up(conn),
            devices={"active": 0, "suspended": 0, "revoked": 0, **devices.count(conn)},
            online=presence.count(conn),
            figures=figures.read(conn),
            exposed=_exposed(conn),
            waiting=attention.kinds(conn, _FIRST),
            scales={each: accounts.scale_of(conn, each) or 0 for each in accounts.currencies(conn)},
        )


def _exposed(conn: Connection) -> list[Exposed]:
    """Of the accounts that have reserved most those with the least left first."""
    most = figures.most_reserved(conn, _ACCOUNTS)
    found = [_standing(conn, name, of) for name, of in figures.of_accounts(conn, most).items()]
    return sorted(found, key=lambda each: (-_used(each), each.account.id))


def _standing(conn: Connection, name: str, of: Figures) -> Exposed:
    row = accounts.get(conn, name)
    exposure = accounts.reserved(conn, name) + accounts.owed(conn, name)
    limit = int(row.credit_limit) + accounts.funds(conn, name).free_credit
    return Exposed(row, exposure, limit, sum(of.channels.values()), of.money[row.currency])


def _used(of: Exposed) -> int:
    """How much of its limit is taken, in millionths; for an order alone."""
    return of.exposure * 1_000_000 // max(1, of.limit)
