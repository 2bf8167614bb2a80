"""What each call of the escrow costs in gas, on an empty chain.

`python -m tests.chain.costs` writes the record, tests/chain/gas.json, anew, and prints it.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from gateway.settlement.rails import COLLECT, PAY
from gateway.settlement.rails.evm import artefact
from tests.chain import solc
from tests.chain.harbour import Harbour, instruction
from tests.chain.node import Node, node
from tests.chain.town import PERIOD, Town, stranger

RECORD = solc.HERE / "gas.json"


def calls(town: Town) -> dict[str, int]:
    """The gas of each call, in the order in which they were made."""
    found = {"deploy": int(town.receipt["gasUsed"], 16)}

    def note(what: str) -> None:
        found[what] = town.gas

    town.deposit(town.ant, 1_000)
    note("deposit, an owner's first")
    town.deposit(town.ant, 1_000)
    note("deposit")
    town.add_bond(1_000)
    note("addBond")
    town.settle(town.said({town.ant: -10}))
    note("settle, one payer")
    said = town.said({stranger(number): 1 for number in range(100)}, 9)
    town.claim(said, stranger(99), by=town.dog)
    note("claim, of a run of 100")
    town.settle(town.said({town.bee: 10}))
    note("settle, one payee's first")
    town.withdraw(town.bee, 4)
    note("withdraw")
    town.give_notice(town.ant)
    note("giveNotice")
    town.node.pass_time(PERIOD)
    town.exit(town.ant)
    note("exit")
    town.do(town.escrow.functions.askBond(5), town.operator)
    note("askBond")
    town.do(town.escrow.functions.rotate(town.dog), town.operator)
    note("rotate")
    town.do(town.escrow.functions.pause(True), town.operator)
    note("pause")
    return found


def runs(town: Town, count: int) -> dict[str, int]:
    """The gas of a run of so many accounts for each of them: half pay the other half, which never
    had anything before, and once more."""
    half = count // 2
    payers, payees = ([stranger(first + number) for number in range(half)] for first in (0, half))
    for each in payers:
        town.do(town.escrow.functions.deposit(each, 1_000_000), town.operator)
    found = {}
    for turn, what in enumerate(("first", "later"), 1):
        settled = dict.fromkeys(payers, -7919 * turn) | dict.fromkeys(payees, 7919 * turn)
        town.settle(town.said(settled))
        found[f"run of {count}, {what}, each account"] = -(-town.gas // count)
    return found


def timed(there: Node, count: int, folder: Path) -> float:
    """Seconds from handing the rail a run of so many accounts until it says that all of it is
    final, at a depth of one block, on a node that mines at once."""
    harbour = Harbour(there, *parts())
    half = count // 2
    batch = [
        instruction(f"a-{number}", COLLECT if number < half else PAY, 10) for number in range(count)
    ]
    for each in batch[:half]:
        harbour.lock(each.account_id, 10)
    rail = harbour.rail(folder, confirmations=1)
    begun = time.perf_counter()
    rail.submit("run-1", batch)
    while not rail.status(batch):
        there.drain()
    return time.perf_counter() - begun


def parts() -> tuple[dict[str, Any], dict[str, Any]]:
    """The escrow and a plain token."""
    tokens = solc.deployable(solc.HERE / "contracts" / "Tokens.sol")
    return {"abi": artefact.abi(), "bytecode": artefact.bytecode()}, tokens["Plain"]


def fresh(there: Node) -> Town:
    """An escrow on a node whose chain is new."""
    return Town(there, *parts())


def main() -> None:
    """Write the record."""
    with node() as there:
        found = calls(fresh(there))
    for count in (100, 1_000):
        with node() as there:
            found |= runs(fresh(there), count)
    for count in (100, 500):
        with node() as there, tempfile.TemporaryDirectory() as folder:
            seconds = timed(there, count, Path(folder))
            print(f"{seconds:>10.2f}  seconds from a run of {count} to final")
    RECORD.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for what, gas in found.items():
        print(f"{gas:>10,}  {what}")


if __name__ == "__main__":
    main()
