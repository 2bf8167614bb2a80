"""The escrow as its chain's nodes show it: reading only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import (
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
    get_abi_input_types,
    get_abi_output_types,
)

from gateway.settlement.rails import RailError
from gateway.settlement.rails.evm import artefact
from gateway.settlement.rails.evm.rpc import NodeError, Nodes, Refusal, number
from gateway.settlement.rails.evm.settings import Settings

LOGS_AT_ONCE = 2_000
"""Blocks that are searched in one request, which nodes limit."""


def named(kind: str, name: str) -> Any:
    """What the contract's interface says of one of its parts."""
    return next(
        each for each in artefact.abi() if each["type"] == kind and each.get("name") == name
    )


def _hash(block: Any) -> Any:
    if not isinstance(block, dict) or not isinstance(block.get("hash"), str):
        raise NodeError("evm: a node lacks a block that it must have")
    return block["hash"]


def _said(logs: Any) -> list[tuple[list[str], str]]:
    try:
        return [([str(each) for each in log["topics"]], str(log["data"])) for log in logs]
    except (KeyError, TypeError) as error:
        raise NodeError("evm: a node answered what are no logs") from error


def encoded(name: str, *arguments: object) -> str:
    """A call of the contract's function, as a transaction's data in hex."""
    function = named("function", name)
    selector = function_abi_to_4byte_selector(function)
    return "0x" + (selector + encode(get_abi_input_types(function), arguments)).hex()


def topic(name: str) -> str:
    """The hash by which logs name an event."""
    return "0x" + event_abi_to_log_topic(named("event", name)).hex()


@dataclass(frozen=True, slots=True)
class Held:
    """An owner's account in the contract, in units; `leaving` is the Unix second from which the
    owner may exit, 0 for one who stays."""

    locked: int
    free: int
    settled: int
    sequence: int
    leaving: int


@dataclass(frozen=True, slots=True)
class Heights:
    """The newest block that all nodes have, and the newest that is deep enough to count."""

    head: int
    confirmed: int


class Escrow:
    """One contract, asked through its chain's nodes. Everything raises NodeError."""

    def __init__(self, settings: Settings, nodes: Nodes) -> None:
        self._settings = settings
        self._nodes = nodes
        self._checked = False

    def check(self, signer: str) -> None:
        """That the nodes are of the chain that was set, and the contract is the one that the
        settings describe and believes `signer`. Once it was so, nothing is asked. Raises RailError.
        """
        if self._checked:
            return
        for chain in self._nodes.each("eth_chainId"):
            if number(chain) != self._settings.chain_id:
                raise RailError(
                    f"rails.evm.chain_id: a node is of chain {number(chain)}, not of "
                    f"{self._settings.chain_id}"
                )
        if self._nodes.agreed("eth_getCode", self._settings.contract, "latest") in ("0x", None):
            raise RailError("rails.evm.contract: there is no contract at this address")
        (token,), (unit,), (speaker,) = (
            self.view(name, "latest") for name in ("token", "unit", "signer")
        )
        answer = self._nodes.agreed("eth_call", {"to": token, "data": "0x313ce567"}, "latest")
        below = number(answer) - self._settings.decimals
        if below < 0 or unit != 10**below:
            raise RailError(
                f"rails.evm.decimals: a unit of this contract is {unit} base units of a token with "
                f"{number(answer)} decimals"
            )
        if speaker.lower() != signer.lower():
            raise RailError(
                f"rails.evm.key_file: is the key of {signer}, and the contract believes {speaker}"
            )
        self._checked = True

    def heights(self) -> Heights:
        """How far the chain is. Two nodes on two branches do not agree on this."""
        head = min(number(each) for each in self._nodes.each("eth_blockNumber"))
        confirmed = max(0, head - self._settings.confirmations + 1)
        self._nodes.agreed("eth_getBlockByNumber", hex(confirmed), False, of=_hash)
        return Heights(head, confirmed)

    def view(self, name: str, block: str, *arguments: object) -> tuple[Any, ...]:
        """What a view of the contract answers at a block."""
        return self._views(name, block, [arguments])[0]

    def _views(
        self, name: str, block: str, each: Sequence[Sequence[object]]
    ) -> list[tuple[Any, ...]]:
        asked = [
            [{"to": self._settings.contract, "data": encoded(name, *given)}, block]
            for given in each
        ]
        types = get_abi_output_types(named("function", name))
        answers = self._nodes.agreed_many("eth_call", asked)
        try:
            return [decode(types, bytes.fromhex(answer[2:])) for answer in answers]
        except (DecodingError, TypeError, ValueError) as error:
            raise NodeError(f"evm: a node answered what is no {name}") from error

    def last(self, block: int) -> int:
        """The number of the newest settlement at a block."""
        return int(self.view("last", hex(block))[0])

    def root(self, sequence: int, block: int) -> bytes:
        """The root of a settlement at a block; zeros if there is none."""
        return bytes(self.view("roots", hex(block), sequence)[0])

    def held(self, owners: Sequence[str], block: int) -> dict[str, Held]:
        """The accounts of these owners at a block."""
        found = self._views("accounts", hex(block), [[owner] for owner in owners])
        return {owner: Held(*values) for owner, values in zip(owners, found, strict=True)}

    def left_out(self, sequence: int, first: int, last: int) -> list[str]:
        """Who had too little locked in a settlement that stands between two blocks.

        Raises NodeError if the contract counted others than the nodes show.
        """
        shorts: list[str] = []
        counted: list[int] = []
        for start in range(first, last + 1, LOGS_AT_ONCE):
            asked = {
                "address": self._settings.contract,
                "topics": [[topic("Settled"), topic("Short")], f"0x{sequence:064x}"],
                "fromBlock": hex(start),
                "toBlock": hex(min(start + LOGS_AT_ONCE - 1, last)),
            }
            for (name, _sequence, subject), data in self._nodes.agreed(
                "eth_getLogs", asked, of=_said
            ):
                if name == topic("Settled"):
                    counted.append(int(data[-64:], 16))
                else:
                    shorts.append(f"0x{subject[-40:]}".lower())
        if counted != [len(shorts)]:
            raise NodeError(f"evm: the nodes do not show all of settlement {sequence}")
        return shorts

    def would(self, sender: str, data: str) -> None:
        """Let the nodes try a transaction. Raises Refusal with the contract's reason."""
        asked = {"from": sender, "to": self._settings.contract, "data": data}
        try:
            self._nodes.each("eth_call", asked, "latest")
        except Refusal as error:
            raise Refusal(f"evm: the contract would refuse it: {reason(error)}", "") from error


def reason(error: Refusal) -> str:
    """A contract's refusal by name, with its numbers."""
    each: Any
    for each in artefact.abi():
        if each["type"] == "error":
            selector = "0x" + function_abi_to_4byte_selector(each).hex()
            if error.data.startswith(selector):
                values = decode(get_abi_input_types(each), bytes.fromhex(error.data[10:]))
                return " ".join([each["name"], *map(str, values)])
    return str(error)
