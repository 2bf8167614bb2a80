"""Compiles contracts with the pinned solc. `python -m tests.chain.solc` writes the artefacts anew
that ship: the gateway's escrow, and the demo's token."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from gateway.settlement.rails.evm import artefact
from gateway.settlement.rails.manual import write_whole
from simulator import contracts
from tests import node_packages

HERE = Path(__file__).parent
SOURCE = artefact.PATH.with_name("Escrow.sol")
ARTEFACTS = (artefact.PATH, contracts.COIN)
"""Each is of the contract of its name in the `.sol` beside it."""
SETTINGS = {
    "evmVersion": "cancun",
    "optimizer": {"enabled": True, "runs": 1_000_000},
    # Nothing in the bytecode may depend on where it was compiled.
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
}


def compiled(path: Path, **optimizer: object) -> dict[str, Any]:
    """What solc makes of one file, with `contracts` by name and the `ast`. Raises ValueError with
    its complaints."""
    settings = {**SETTINGS, **({"optimizer": optimizer} if optimizer else {})}
    wanted = ["abi", "evm.bytecode", "evm.deployedBytecode"]
    asked = {
        "language": "Solidity",
        "sources": {path.name: {"content": path.read_text(encoding="utf-8")}},
        "settings": {**settings, "outputSelection": {"*": {"": ["ast"], "*": wanted}}},
    }
    made: dict[str, Any] = json.loads(_answer(json.dumps(asked)))
    if made.get("errors"):
        raise ValueError("\n".join(each["formattedMessage"] for each in made["errors"]))
    return {
        "contracts": made["contracts"][path.name],
        "ast": made["sources"][path.name]["ast"],
    }


def _answer(asked: str) -> bytes:
    """What solc answers. It takes seconds, so what was asked before is kept."""
    node, modules = node_packages.installed(HERE)
    solc = (HERE / "package-lock.json").read_bytes()
    kept = modules.parent / f"{hashlib.sha256(solc + asked.encode()).hexdigest()}.json"
    if not kept.exists():
        command = [*node, str(HERE / "compile.mjs"), str(modules.parent)]
        answer = subprocess.run(
            command, input=asked.encode(), capture_output=True, timeout=100, check=True
        )
        write_whole(kept, answer.stdout)
    return kept.read_bytes()


def deployable(path: Path) -> dict[str, Any]:
    """Interface and bytecode of each contract in a file."""
    return {
        name: {"abi": made["abi"], "bytecode": "0x" + made["evm"]["bytecode"]["object"]}
        for name, made in compiled(path)["contracts"].items()
    }


def artefact_text(path: Path) -> str:
    """A contract's artefact as a file: interface and bytecode."""
    return json.dumps(deployable(path.with_suffix(".sol"))[path.stem], indent=1) + "\n"


if __name__ == "__main__":
    for each in ARTEFACTS:
        each.write_text(artefact_text(each), encoding="utf-8")
        print(each)
