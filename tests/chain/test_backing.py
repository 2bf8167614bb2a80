"""Deposits on the chain and the gateway's books: what is locked backs channels, once."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.operations import backing, settlement
from gateway.settlement.rails import COLLECT, PAY, Rail
from gateway.settlement.rails.conformance_town import Town as Books
from gateway.settlement.rails.evm.rail import EvmRail
from gateway.settlement.rails.registry import Rails
from gateway.store import accounts, notices
from gateway.store.engine import Store, open_store
from tests.chain.harbour import DEEP, Harbour, owner_of
from tests.chain.node import Node
from tests.store.migrated import migrated


class Suite:
    """Books in which ant owes 1,000 and cat is owed 2,000, both over the chain."""

    currency, scale = "EUR", 6

    def __init__(self, harbour: Harbour) -> None:
        self.harbour = harbour

    def make_rail(self, folder: Path) -> EvmRail:
        return self.harbour.rail(folder)

    def destination(self, _direction: str, account: str) -> Mapping[str, str]:
        return {"address": owner_of(account)}

    def parties(self, _rail: Rail) -> list[tuple[str, str]]:
        return [("ant", COLLECT), ("cat", PAY)]


@pytest.fixture
def harbour(chain: Node, escrow: dict[str, Any], tokens: dict[str, Any]) -> Harbour:
    return Harbour(chain, escrow, tokens["Plain"])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(migrated(tmp_path / "books.db"))
    yield opened
    opened.close()


def free(store: Store, account: str = "ant") -> int:
    with store.read() as conn:
        return accounts.left(conn, account)[0]


@pytest.mark.threat("G6")
def test_a_deposit_backs_channels_when_it_is_final_and_until_a_run_collects_it(
    harbour: Harbour, store: Store, tmp_path: Path
) -> None:
    books = Books(Suite(harbour), store, tmp_path / "rail")
    rail = harbour.rail(tmp_path / "rail")
    rails = Rails.of(rail)
    backing.look_at_all(store, rails)
    assert free(store) == -1_000
    harbour.lock("ant", 5_000)
    harbour.bond(1_000)
    backing.look_at_all(store, rails)
    assert free(store) == -1_000
    harbour.node.mine(DEEP)
    for _ in range(2):  # once, however often it is seen
        backing.look_at_all(store, rails)
        assert free(store) == 4_000
    books.settle()
    settlement.hand_over(store, rails)
    assert set(books.states().values()) == {"submitted"}
    harbour.node.drain()
    for _ in range(DEEP + 2):
        settlement.hand_over(store, rails)
        # Never more than is there, also while it is collected and not yet told.
        assert free(store) <= 4_000
        harbour.node.mine()
    assert books.states() == {"run-1-ant": "done", "run-1-cat": "done"}
    assert free(store) == 4_000
    assert books.owed() == {}


def test_who_gives_notice_reserves_nothing_more_and_is_told(
    harbour: Harbour, store: Store, tmp_path: Path
) -> None:
    Books(Suite(harbour), store, tmp_path / "rail")
    rails = Rails.of(harbour.rail(tmp_path / "rail"))
    harbour.lock("ant", 5_000)
    harbour.node.mine(DEEP)
    backing.look_at_all(store, rails)
    before = _decisions(store)
    harbour.node.ask("anvil_impersonateAccount", owner_of("ant"))
    harbour.node.ask("anvil_setBalance", owner_of("ant"), hex(10**20))
    harbour.town.give_notice(owner_of("ant"))
    backing.look_at_all(store, rails)
    assert free(store) == -1_000
    assert _decisions(store) > before


def _decisions(store: Store) -> int:
    """How often something was decided that the worker is to look at."""
    with store.read() as conn:
        return notices.decisions(conn)
