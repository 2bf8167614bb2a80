"""The chain rail: what every rail must pass, on a real node."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.settlement import instructions as books
from gateway.settlement.rails import reference_of
from gateway.settlement.rails.conformance import RailConformance
from gateway.settlement.rails.conformance_town import AT
from gateway.settlement.rails.evm.rail import EvmRail
from gateway.store.engine import Store
from tests.chain.harbour import DEEP, Harbour, owner_of
from tests.chain.node import Node

ACCOUNTS = ("ant", "bee", "cat", "dog-with-a-name-as-long-as-it-may-be")


@pytest.mark.threat("C2", "G6", "G7")
class TestEvmRail(RailConformance):
    """The suite, on an escrow."""

    @pytest.fixture(autouse=True)
    def _harbour(self, chain: Node, escrow: dict[str, Any], tokens: dict[str, Any]) -> None:
        self.harbour = Harbour(chain, escrow, tokens["Plain"])
        self.harbour.bond(10**12)

    def make_rail(self, folder: Path) -> EvmRail:
        return self.harbour.rail(folder, decimals=6)

    def destination(self, direction: str, account: str) -> Mapping[str, str]:
        return {"address": owner_of(account)}

    def bad_details(self) -> Sequence[tuple[str, Mapping[str, object]]]:
        good = owner_of("ant")
        return [
            ("address", {}),
            ("address", {"address": 7}),
            ("address", {"address": good[:-1]}),
            ("address", {"address": good[2:]}),
            ("address", {"address": "0x" + good[2:].swapcase()}),
            ("address", {"address": "0x" + "00" * 20}),
            ("address", {"address": self.harbour.town.escrow.address}),
            ("name", {"address": good, "name": "Ant"}),
        ]

    def moved(self, folder: Path) -> Mapping[str, int]:
        """What the contract has settled with each owner, by the reference of the instructions: read
        from the transactions' entries as the node has them."""
        for account in ACCOUNTS[:2]:
            self.harbour.lock(account, 10**9)
        self._carry(folder)
        rail = self.make_rail(folder)
        found: dict[str, int] = {}
        before: dict[str, int] = {}
        for sequence in range(1, self.harbour.last() + 1):
            (event,) = self.harbour.town.escrow.events.Settled().get_logs(
                from_block=0, argument_filters={"sequence": sequence}
            )
            sent = self.harbour.town.w3.eth.get_transaction(event["transactionHash"])
            _call, given = self.harbour.town.escrow.decode_function_input(sent["input"])
            run = rail.record.said()[sequence].removeprefix("run-")
            for entry in given["entries"]:
                account = next(each for each in ACCOUNTS if int(owner_of(each), 16) == entry >> 96)
                settled = entry & 2**64 - 1
                settled -= 2**64 if settled >= 2**63 else 0
                reference = reference_of(f"run-{run}-{account}")
                found[reference] = before.get(account, 0) - settled
                before[account] = settled
        return found

    def _carry(self, folder: Path) -> None:
        """Bring what waits to the chain, until all is final."""
        rail = self.make_rail(folder)
        for _ in range(2 * len(rail.record.batches()) + 1):
            rail.status([])
            self.harbour.node.drain()
            self.harbour.node.mine(DEEP)

    def tell(self, store: Store, folder: Path, outcomes: Mapping[str, str]) -> None:
        """Who is to pay has locked enough, and who is to fail has not."""
        for name, outcome in outcomes.items():
            account = name.split("-", 2)[2]
            if outcome == "returned":
                # No chain brings money back; people may say so all the same.
                with store.write() as conn:
                    books.record_outcome(conn, name, outcome, "told", AT)
            elif outcome == "done" and account in ACCOUNTS[:2]:
                self.harbour.lock(account, 10**9)
        self._carry(folder)
