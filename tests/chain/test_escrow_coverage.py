"""Every branch of the escrow goes both ways in its tests, told by the node's own steps."""

import inspect
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.chain import branches, solc, test_escrow
from tests.chain.branches import Place
from tests.chain.node import node
from tests.chain.town import Town

STEPS = {"disableStorage": True, "disableStack": True, "disableMemory": True}


TOKENS = {
    "town": "Plain",
    "silent_town": "Silent",
    "fee_town": "Fee",
    "refusing_town": "Refusing",
    "calling_town": "Calling",
}


def _scenarios() -> list[tuple[Any, str]]:
    """Tests that need no more than a town, and the token of it."""
    found = []
    for name, each in inspect.getmembers(test_escrow, inspect.isfunction):
        needed = list(inspect.signature(each).parameters)
        if name.startswith("test_") and len(needed) == 1 and needed[0] in TOKENS:
            found.append((each, TOKENS[needed[0]]))
    return found


def _own_steps(town: Town, name: str) -> Iterator[dict[str, Any]]:
    """A transaction's steps in the escrow: it calls the token alone, and that nobody but it."""
    for step in town.node.ask("debug_traceTransaction", name, STEPS)["structLogs"]:
        if step["depth"] % 2 == 1:
            yield step


def test_every_branch_goes_both_ways(tokens: dict[str, Any]) -> None:
    made = solc.compiled(solc.SOURCE, enabled=False)
    parts = made["contracts"]["Escrow"]["evm"]
    plain = {"abi": made["contracts"]["Escrow"]["abi"], "bytecode": parts["bytecode"]["object"]}
    deployed = branches.jumps(parts["deployedBytecode"])
    constructing = branches.jumps(parts["bytecode"])
    ways: dict[Place, set[bool]] = defaultdict(set)
    with node(steps=True) as there:
        for scenario, token in _scenarios():
            before = there.ask("evm_snapshot")
            town = Town(there, plain, tokens[token], decimals=6 if token == "Plain" else None)
            scenario(town)
            for name, to in town.sent.items():
                if to in (None, town.escrow.address):
                    of = deployed if to else constructing
                    for place, went in branches.taken(_own_steps(town, name), of).items():
                        ways[place] |= went
            there.ask("evm_revert", before)
    text = solc.SOURCE.read_text(encoding="utf-8")
    missed = [
        f"line {text[: place[0]].count(chr(10)) + 1}: only {sorted(ways[place])}: "
        f"{text[place[0] : sum(place)].split(chr(10))[0]}"
        for place in sorted(branches.branches(made["ast"]))
        if ways[place] != {True, False}
    ]
    assert "\n".join(missed) == ""
