"""A rail, its contract and owners who have deposited: what tests of the rail are made of."""

from pathlib import Path
from typing import Any

from eth_account import Account

from gateway.settlement.rails import COLLECT, Instruction, reference_of
from gateway.settlement.rails.evm.rail import EvmRail, make
from tests.chain.node import CHAIN, Node
from tests.chain.town import Town, stranger

DEEP = 3
"""Blocks until something is final."""
AT = 1_800_000_000


def owner_of(account: str) -> str:
    """The address of an account."""
    return stranger(int.from_bytes(account.encode(), "big"))


class Harbour:
    """A chain with an escrow, whose signer has what gas costs."""

    def __init__(self, node: Node, escrow: dict[str, Any], token: dict[str, Any]) -> None:
        self.node = node
        self.town = Town(node, escrow, token)
        signer = Account.from_key(self.town.key).address
        node.ask("anvil_setBalance", signer, hex(10**20))

    def settings(self, folder: Path, **changes: object) -> dict[str, object]:
        """Settings of a rail whose files are in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        key = folder / "evm.key"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_bytes(self.town.key)
        given: dict[str, object] = {
            "folder": str(folder / "evm"),
            "rpc": [self.node.url],
            "chain_id": CHAIN,
            "contract": self.town.escrow.address,
            "currency": "EUR",
            "key_file": str(key),
            "confirmations": DEEP,
            "max_fee_gwei": 100,
        }
        return given | changes

    def rail(self, folder: Path, **changes: object) -> EvmRail:
        """The rail, as a process that starts makes it."""
        return make(folder, self.settings(folder, **changes))

    def lock(self, account: str, units: int) -> None:
        """Deposit for an account."""
        self.town.do(
            self.town.escrow.functions.deposit(owner_of(account), units), self.town.operator
        )

    def bond(self, units: int) -> None:
        self.town.add_bond(units)

    def settled(self, account: str) -> int:
        """What the newest block says of an account."""
        return self.town.settled(owner_of(account))

    def last(self) -> int:
        """How many settlements the newest block has."""
        return self.town.read(self.town.escrow.functions.last())[0]


def instruction(account: str, direction: str, amount: int, run: int = 1) -> Instruction:
    """An instruction of a run, in micro-euro."""
    name = f"run-{run}-{account}"
    return Instruction(
        name,
        run,
        account,
        account.title(),
        direction,
        amount,
        "EUR",
        6,
        reference_of(name),
        {"address": owner_of(account)},
        AT + run,
    )


def pay_day(run: int = 1) -> list[Instruction]:
    """A run in which ant pays cat and dog."""
    return [
        instruction("ant", COLLECT, 70, run),
        instruction("cat", "pay", 40, run),
        instruction("dog", "pay", 30, run),
    ]


def outcomes(rail: EvmRail, batch: list[Instruction]) -> dict[str, str]:
    return {each.instruction_id: each.outcome for each in rail.status(batch)}


def carry(harbour: Harbour, rail: EvmRail, batch: list[Instruction]) -> dict[str, str]:
    """Let it send, wait until that is deep enough, and let it say so."""
    rail.status(batch)
    harbour.node.drain()
    harbour.node.mine(DEEP)
    rail.status(batch)
    return outcomes(rail, batch)
