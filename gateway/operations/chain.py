"""Use cases on the chain that a rail settles on: looking at it, and what was last seen there.

Whoever asks is answered from a copy in the store, so that nobody waits for a node. What is seen
decides nothing: deposits back channels by `operations.backing`, runs are settled by the rail.
"""

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row

from gateway.operations.paging import Page, one_page
from gateway.settlement import destinations
from gateway.settlement.rails.onchain import Facts, OnChain
from gateway.settlement.rails.registry import Rails
from gateway.store import accounts, backing, chain, payout_accounts
from gateway.store.chain import Place
from gateway.store.engine import Store

RAIL = "evm"
DepositState = Literal["confirming", "credited", "unassigned"]
"""What a deposit may be: not deep enough yet; seen by what backs its account's channels; under an
address that no account names, or that two do."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The rail's facts, its last look at Unix second `at` or before, None if there was none."""

    facts: Facts
    seen: Row[Any] | None
    at: int


@dataclass(frozen=True, slots=True)
class DepositShown:
    """A deposit, whose it is, how deep it is (at most what it needs), and what that makes it."""

    row: Row[Any]
    account_id: str | None
    confirmations: int
    state: DepositState


def _rail(rails: Rails) -> OnChain | None:
    if RAIL not in rails.names_in_use():
        return None
    found = rails[RAIL]
    return found if isinstance(found, OnChain) else None


def look(store: Store, rails: Rails) -> bool:
    """Look at the chain, if a rail is on one, and keep what is seen; whether anything waits for
    blocks there. Raises RailError, OSError."""
    rail = _rail(rails)
    if rail is None:
        return False
    with store.read() as conn:
        before = chain.get(conn, RAIL, rail.facts)
        decided = set() if before is None else chain.decided(conn, RAIL)
    found = rail.look(None if before is None else before.scanned, decided)
    with store.write() as conn:
        chain.keep(conn, RAIL, rail.facts, found, store.now(conn))
    return found.sight is not None and found.sight.waits


def show(store: Store, rails: Rails) -> Shown | None:
    """How the chain was when it was last seen; None if no rail is on one. Raises RailError if that
    is not set up."""
    rail = _rail(rails)
    if rail is None:
        return None
    with store.read() as conn:
        return Shown(rail.facts, chain.get(conn, RAIL, rail.facts), store.now(conn))


def deposits(
    store: Store,
    rails: Rails,
    *,
    before: Place | None = None,
    limit: int = 100,
    account: str | None = None,
) -> tuple[Facts, Page[DepositShown]] | None:
    """Deposits in the contract, the newest first; those under the addresses that `account` names.
    None if no rail is on a chain. Raises RailError, BadInput."""
    rail = _rail(rails)
    if rail is None:
        return None
    facts = rail.facts
    with store.read() as conn:
        seen, at = chain.get(conn, RAIL, facts), store.now(conn)
        if seen is None:
            return facts, Page([], more=False)
        owners = None if account is None else set(_addresses(conn, at, facts, {account}).values())
        found = one_page(
            lambda count: chain.deposits(conn, RAIL, before=before, limit=count, owners=owners),
            limit,
        )
        account_of = _accounts(conn, at, facts, {row.owner for row in found.items})
        heights = backing.heights(conn, RAIL)
    shown = [_shown(row, account_of, heights, seen, facts) for row in found.items]
    return facts, Page(shown, found.more)


def _addresses(conn: Connection, at: int, facts: Facts, among: Collection[str]) -> dict[str, str]:
    """The address of each of these accounts that is settled on the chain."""
    return {
        account: where.details["address"]
        for account, where in destinations.in_force(conn, at, among).items()
        if where.rail == RAIL and accounts.get(conn, account).currency == facts.currency
    }


def _accounts(conn: Connection, at: int, facts: Facts, owners: Collection[str]) -> dict[str, str]:
    """The account of each of these addresses that one account names, and no other."""
    details = [json.dumps({"address": owner}) for owner in owners]
    named = _addresses(conn, at, facts, payout_accounts.naming(conn, RAIL, details))
    times = Counter(named.values())
    return {owner: account for account, owner in named.items() if times[owner] == 1}


def _shown(
    row: Row[Any],
    account_of: dict[str, str],
    heights: dict[str, int],
    seen: Row[Any],
    facts: Facts,
) -> DepositShown:
    account = account_of.get(row.owner)
    deep = min(facts.confirmations, max(0, seen.head - row.block + 1))
    state: DepositState = "confirming"
    if account is None:
        state = "unassigned"
    elif deep == facts.confirmations and heights.get(account, -1) >= row.block:
        state = "credited"
    return DepositShown(row, account, deep, state)


def transactions(
    store: Store,
    rails: Rails,
    *,
    before: Place | None = None,
    limit: int = 100,
    run: int | None = None,
) -> Page[Row[Any]]:
    """Transactions that the rail sent, the newest first; those of a run. None are there if no rail
    is on a chain. Raises RailError, BadInput."""
    rail = _rail(rails)
    batch = None if run is None else f"run-{run}"
    with store.read() as conn:
        if rail is None or chain.get(conn, RAIL, rail.facts) is None:
            return Page([], more=False)
        return one_page(
            lambda count: chain.transactions(conn, RAIL, before=before, limit=count, batch=batch),
            limit,
        )
