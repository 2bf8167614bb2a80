"""The contracts of the demo's chain, as their owners call them: a token, and the gateway's escrow
that holds it."""

import json
from dataclasses import dataclass
from pathlib import Path

from eth_abi.abi import decode, encode
from eth_utils.abi import function_signature_to_4byte_selector
from eth_utils.address import to_checksum_address

from simulator.anvil import Node

COIN = Path(__file__).with_name("Coin.json")
"""The token's artefact, made of Coin.sol beside it; a test compiles that again and compares."""


@dataclass(frozen=True)
class Held:
    """What the escrow holds of an owner, in units, and all that it ever settled with it."""

    locked: int
    free: int
    settled: int


def deploy_coin(node: Node, by: str) -> str:
    """The address of a new token. Raises AnvilError."""
    made = json.loads(COIN.read_text(encoding="utf-8"))
    receipt = node.mined(node.send(by, None, made["bytecode"]))
    return str(to_checksum_address(receipt["contractAddress"]))


@dataclass(frozen=True)
class Escrow:
    """The escrow at `contract` and the token at `coin`, of which one base unit is one unit. Each
    method raises AnvilError."""

    node: Node
    coin: str
    contract: str

    def deposit(self, owner: str, units: int) -> str:
        """Have an owner make tokens and lock them; the hash of the deposit's transaction."""
        self.node.send(owner, self.coin, _call("mint(uint256)", units))
        self.node.send(owner, self.coin, _call("approve(address,uint256)", self.contract, units))
        return self.node.send(owner, self.contract, _call("deposit(address,uint64)", owner, units))

    def withdraw(self, owner: str, units: int) -> str:
        """Have an owner take what is free to its own address; the transaction's hash."""
        return self.node.send(owner, self.contract, _call("withdraw(uint64,address)", units, owner))

    def held(self, owner: str) -> Held:
        """An owner's account in the escrow, at the newest block."""
        answer = self._view(self.contract, _call("accounts(address)", owner))
        locked, free, settled = decode(["uint256", "uint256", "int256"], answer[:96])
        return Held(locked, free, settled)

    def tokens(self, owner: str) -> int:
        """What an address has of the token."""
        return int.from_bytes(self._view(self.coin, _call("balanceOf(address)", owner)), "big")

    def _view(self, to: str, data: str) -> bytes:
        return bytes.fromhex(self.node.ask("eth_call", {"to": to, "data": data}, "latest")[2:])


def _call(signature: str, *arguments: object) -> str:
    types = signature.partition("(")[2].rstrip(")").split(",")
    selector = function_signature_to_4byte_selector(signature)
    return "0x" + (selector + encode(types, arguments)).hex()
