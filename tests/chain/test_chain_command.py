"""`tallystick chain`, called as a program: from a new key to what an owner can claim."""

import json
from pathlib import Path
from typing import Any

from eth_account import Account

from gateway.settlement.rails.evm.rail import make
from tests.api.house import house_in
from tests.chain.harbour import DEEP, owner_of, pay_day
from tests.chain.node import CHAIN, Node
from tests.chain.town import Town
from tests.cli.tallystick import Cli


def test_from_a_key_to_a_claim(
    chain: Node, escrow: dict[str, Any], tokens: dict[str, Any], data_folder: Path
) -> None:
    with house_in(data_folder, None):
        pass
    cli = Cli(data_folder)
    town = Town(chain, escrow, tokens["Plain"])
    made = cli.ok("chain", "key")
    key = Path(made["file"])
    assert key.stat().st_mode & 0o077 == 0
    assert made["address"] == Account.from_key(key.read_bytes()).address
    chain.ask("anvil_setBalance", made["address"], hex(10**20))
    given = ["--rpc", chain.url, "--token", town.token.address, "--period", "1d"]
    refused = cli("chain", "deploy", *given, "--chain-id", "1")
    assert refused.status == 2 and f"the node is of chain {CHAIN}" in refused.err
    deployed = cli.ok("chain", "deploy", *given, "--chain-id", str(CHAIN))
    settings = {
        "rpc": chain.url,
        "chain_id": CHAIN,
        "contract": deployed["contract"],
        "currency": "EUR",
        "confirmations": DEEP,
    }
    with (data_folder / "tallystick.toml").open("a") as file:
        file.write("[rails.evm]\n")
        file.writelines(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    town.escrow = town.w3.eth.contract(address=deployed["contract"], abi=escrow["abi"])
    town.do(town.token.functions.approve(town.escrow.address, 2**255), town.operator)
    town.add_bond(100)
    rail = make(data_folder, settings)
    rail.submit("run-1", pay_day())
    town.do(town.escrow.functions.deposit(owner_of("ant"), 70), town.operator)
    chain.mine(DEEP)
    chain.ask("evm_setAutomine", False)
    rail.status(pay_day())  # said, and in no block
    chain.ask("anvil_dropAllTransactions")
    chain.ask("evm_setAutomine", True)
    proof = json.loads(cli("chain", "word", owner_of("cat")).out)
    claim = town.escrow.functions.claim(
        proof["sequence"],
        proof["batch"],
        int(proof["entry"], 16),
        proof["index"],
        proof["count"],
        proof["path"],
        tuple(proof["signature"].values()),
    )
    town.do(claim, town.dog)
    assert town.free(owner_of("cat")) == 40
    # The books know of no batch, and the chain has settled none.
    assert cli.ok("chain", "recover") == {"settlements": [], "batches": []}
    shown = cli.ok("chain", "show")
    assert (shown["recorded"], shown["settlements"], shown["held"]) == (1, 0, 170)
