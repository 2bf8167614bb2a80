"""An escrow on a real node, and those who use it."""

import hashlib
from collections.abc import Iterable
from typing import Any

from eth_account import Account
from web3 import Web3
from web3.contract import Contract

from gateway.settlement.rails.evm import word
from gateway.settlement.rails.evm.word import Entry, Settlement
from tests.chain.node import CHAIN, Node

GAS = 30_000_000
PERIOD = 86_400
NOBODY = "0x" + "00" * 20


def stranger(number: int) -> str:
    """The address of one of many."""
    return Web3.to_checksum_address("0x" + hashlib.sha256(b"%d" % number).hexdigest()[:40])


class Refused(Exception):
    """A transaction that was mined and changed nothing; its text is the contract's error."""


class Town:
    """A token, an escrow in it and its people, all by their addresses."""

    def __init__(
        self,
        node: Node,
        escrow: dict[str, Any],
        token: dict[str, Any],
        *,
        unit: int = 1,
        decimals: int | None = 6,
    ) -> None:
        self.node = node
        self.w3 = Web3(Web3.HTTPProvider(node.url))
        self.unit = unit
        known = [Web3.to_checksum_address(each) for each in node.ask("eth_accounts")]
        self.operator, self.ant, self.bee, self.cat, self.dog = known[:5]
        self.people = (self.ant, self.bee, self.cat, self.dog)
        self.key = bytes([7]) * 32
        self.signer = Account.from_key(self.key).address
        self.sent: dict[str, str | None] = {}
        """Whom each transaction was sent to, by its hash; None is a deployment."""
        self.gas = 0
        """What the last one used."""
        self.receipt: dict[str, Any] = {}
        """Of the last contract that was deployed."""
        self.made = escrow
        self.token = self.deploy(token, *([] if decimals is None else [decimals]))
        self.escrow = self.deploy(escrow, self.token.address, unit, PERIOD, self.signer)
        for each in (self.operator, *self.people):
            self.do(self.token.functions.mint(each, 10**30), each)
            self.do(self.token.functions.approve(self.escrow.address, 2**255), each)

    def deploy(self, made: dict[str, Any], *arguments: object) -> Contract:
        """A contract on the chain. Raises Refused."""
        factory = self.w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
        data = factory.constructor(*arguments).data_in_transaction
        receipt = self.receipt = self._mined({"from": self.operator, "data": data})
        return self.w3.eth.contract(
            address=Web3.to_checksum_address(receipt["contractAddress"]), abi=made["abi"]
        )

    def do(self, call: Any, by: str) -> dict[str, Any]:
        """Have somebody send a transaction; its receipt. Raises Refused."""
        data = call._encode_transaction_data()
        return self._mined({"from": by, "to": call.address, "data": data})

    def send(self, call: Any, by: str, tip: int) -> None:
        """Have somebody send a transaction that stands before others in the next block."""
        transaction = {
            "from": by,
            "to": call.address,
            "data": call._encode_transaction_data(),
            "gas": hex(1_000_000),
            "maxFeePerGas": hex(2 * tip),
            "maxPriorityFeePerGas": hex(tip),
        }
        self.node.ask("eth_sendTransaction", transaction)

    def _mined(self, transaction: dict[str, Any]) -> dict[str, Any]:
        receipt: dict[str, Any] = self.node.ask(
            "eth_sendTransactionSync", {**transaction, "gas": hex(GAS)}
        )
        name = receipt["transactionHash"]
        self.sent[name] = transaction.get("to")
        self.gas = int(receipt["gasUsed"], 16)
        if receipt["status"] != "0x1":
            trace = self.node.ask("debug_traceTransaction", name, {"tracer": "callTracer"})
            raise Refused(self._error(trace.get("output", "0x")))
        return receipt

    def _error(self, output: str) -> str:
        for each in self.made["abi"]:
            if each["type"] == "error":
                arguments = ",".join(part["type"] for part in each["inputs"])
                selector = Web3.keccak(text=f"{each['name']}({arguments})")[:4].to_0x_hex()
                if output.startswith(selector):
                    return str(each["name"])
        return output

    # What people do

    def deposit(self, owner: str, units: int) -> None:
        self.do(self.escrow.functions.deposit(owner, units), owner)

    def add_bond(self, units: int) -> None:
        self.do(self.escrow.functions.addBond(units), self.operator)

    def said(self, settled: dict[str, int], sequence: int = 0, batch: str = "run") -> Settlement:
        """A settlement: the next, or of this sequence."""
        entries = tuple(Entry(owner, amount) for owner, amount in settled.items())
        return Settlement(
            sequence or self.read(self.escrow.functions.last())[0] + 1, batch, entries
        )

    def sign(self, said: Settlement, **other: Any) -> word.Signature:
        """The gateway's signature of it."""
        chain, contract = other.get("chain", CHAIN), other.get("contract", self.escrow.address)
        return word.sign(other.get("key", self.key), chain, contract, said)

    def settle(self, said: Settlement, *, by: str = "", **other: Any) -> dict[str, Any]:
        """Bring a settlement with the gateway's signature."""
        call = self.escrow.functions.settle(
            said.sequence, said.batch_hash, said.words, self.sign(said, **other)
        )
        return self.do(call, by or self.operator)

    def claim(self, said: Settlement, owner: str, **other: Any) -> None:
        """Show the contract an owner's entry of what the gateway signed."""
        index, path = said.path(owner)
        call = self.escrow.functions.claim(
            said.sequence,
            said.batch_hash,
            other.get("entry", said.entries[index]).word,
            other.get("index", index),
            other.get("count", len(said.entries)),
            other.get("path", path),
            self.sign(said, **other),
        )
        self.do(call, other.get("by", owner))

    def withdraw(self, owner: str, units: int, to: str = "") -> None:
        self.do(self.escrow.functions.withdraw(units, to or owner), owner)

    def give_notice(self, owner: str) -> None:
        self.do(self.escrow.functions.giveNotice(), owner)

    def exit(self, owner: str) -> None:
        self.do(self.escrow.functions.exit(), owner)

    def rotate(self, key: bytes) -> None:
        """Let another key speak for the gateway."""
        self.key, self.signer = key, Account.from_key(key).address
        self.do(self.escrow.functions.rotate(self.signer), self.operator)

    # What there is

    def read(self, call: Any) -> list[int]:
        """What a view answers, word by word. (web3 would ask three times for each answer.)"""
        asked = {"to": call.address, "data": call._encode_transaction_data()}
        answer = bytes.fromhex(self.node.ask("eth_call", asked, "latest")[2:])
        return [int.from_bytes(answer[at : at + 32], "big") for at in range(0, len(answer), 32)]

    def account(self, owner: str) -> tuple[int, int, int]:
        """What is locked, free and settled."""
        locked, free, settled, *_ = self.read(self.escrow.functions.accounts(owner))
        return locked, free, settled if settled < 2**255 else settled - 2**256

    def locked(self, owner: str) -> int:
        return self.account(owner)[0]

    def free(self, owner: str) -> int:
        return self.account(owner)[1]

    def settled(self, owner: str) -> int:
        return self.account(owner)[2]

    def bond(self) -> int:
        return self.read(self.escrow.functions.bond())[0]

    def held(self) -> int:
        return self.read(self.escrow.functions.held())[0]

    def tokens(self, owner: str) -> int:
        return self.read(self.token.functions.balanceOf(owner))[0]

    def sums_up(self) -> dict[str, tuple[int, int, int]]:
        """What the contract holds of the token is what it owes to all; everybody's account."""
        return self.sums_up_of(self.people)

    def sums_up_of(self, owners: Iterable[str]) -> dict[str, tuple[int, int, int]]:
        """As `sums_up`, where these are all that there are."""
        found = {each: self.account(each) for each in owners}
        owed = self.bond() + sum(locked + free for locked, free, _settled in found.values())
        assert self.held() == owed
        assert self.tokens(self.escrow.address) == owed * self.unit
        return found
