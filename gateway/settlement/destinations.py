"""Where each account's money goes: its payout account in force, or the default rail.

Also how much of it the rail can move. A run asks twice: when it nets, for what is to be moved at
all, and when it writes instructions, for where that goes then. The second answer counts: an account
that was retired in between is not paid.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from gateway.settlement.rails import COLLECT, PAY, Rail, RailError
from gateway.store import payout_accounts


@dataclass(frozen=True, slots=True)
class Destination:
    """A rail, and the details with which it reaches an account."""

    rail: str
    details: Mapping[str, str] = field(default_factory=dict)


def in_force(
    conn: Connection, at: int, among: Collection[str] | None = None
) -> dict[str, Destination]:
    """Where each account that has a payout account in force at Unix second `at` is paid; only of
    accounts in `among`, if that is given."""
    return {
        account: Destination(row.rail, json.loads(row.details))
        for account, row in payout_accounts.all_in_force(conn, at, among).items()
    }


class Destinations:
    """Where the money of a currency goes at one moment.

    `default` names the rail of accounts that have chosen none. A rail that is not in `rails` is
    taken to move any amount to anybody.
    """

    def __init__(
        self,
        chosen: Mapping[str, Destination],
        default: str,
        rails: Mapping[str, Rail],
        currency: str,
        scale: int,
    ) -> None:
        self._chosen = chosen
        self._default = Destination(default)
        self._rails = rails
        self.currency = currency
        self.scale = scale
        self._bounds: dict[str, tuple[int, int | None]] = {}

    def of(self, account: str) -> Destination:
        """Where an account's money goes."""
        return self._chosen.get(account, self._default)

    def movable(self, account: str, due: int) -> int:
        """What of `due` atomic units (above zero: to collect) can be moved now.

        A multiple of the rail's quantum, towards zero, and no more than it moves at once; 0 if its
        rail does not have the currency, or does not serve that direction with the details it has.
        Raises RailError for a rail that is not there or not set up.
        """
        where = self.of(account)
        if not due or where.rail not in self._rails:
            return due
        if not self._rails[where.rail].serves(COLLECT if due > 0 else PAY, where.details):
            return 0
        quantum, most = self._bounds_of(where.rail)
        whole = abs(due) // quantum * quantum if quantum else 0
        if most is not None:
            whole = min(whole, most)
        return whole if due > 0 else -whole

    def exceeds(self, account: str, due: int) -> bool:
        """Whether `due` is more than the account's rail moves at once."""
        rail = self.of(account).rail
        most = self._bounds_of(rail)[1] if rail in self._rails else None
        return most is not None and abs(due) > most

    def _bounds_of(self, rail: str) -> tuple[int, int | None]:
        """The rail's quantum and the most that it moves; (0, 0) if it does not have the
        currency."""
        if rail not in self._bounds:
            try:
                moving = self._rails[rail]
                quantum = moving.quantum(self.currency, self.scale)
                self._bounds[rail] = quantum, moving.most(self.currency, self.scale)
            except RailError:
                self._bounds[rail] = 0, 0
        return self._bounds[rail]
