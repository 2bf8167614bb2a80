"""The nodes of the chain, as the gateway's rail asks them: JSON-RPC in the body of a request, which
may be stalled, lost, answered from an older block, or cost its process its life.
"""

import json
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import httpx2
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from simulator.world.chain import wire
from simulator.world.chain.blocks import GWEI, Block, Chain, PoolError, Transaction
from simulator.world.chain.contract import Reverted
from simulator.world.chain.trouble import TROUBLE
from simulator.world.faults import Faults
from simulator.world.storage import Crash
from simulator.world.trace import Trace

Answer = dict[str, Any]


class RpcError(Exception):
    """What a node answers instead of a result."""

    def __init__(self, message: str, data: str = "") -> None:
        super().__init__(message)
        self.data = data


class Nodes(httpx2.BaseTransport):
    """All nodes of one chain. `gone`: nobody answers. `priced` is what the rail pays for gas at
    most, in wei."""

    def __init__(self, chain: Chain, priced: int, trace: Trace, faults: Faults) -> None:
        self.gone = False
        self._chain = chain
        self._priced = priced
        self._trace = trace
        self.faults = faults
        self._trouble: deque[tuple[int, str, int]] = deque()
        self._between: Callable[[], None] | None = None
        self._asked = 0
        self._known: dict[str, Transaction] = {}
        self._head = chain.head

    def befall(self, what: str, after: int, argument: int) -> None:
        """Let one of TROUBLE befall the request that comes after so many others, or the first after
        that which it can befall; one that is `behind` answers from so many blocks back."""
        self._trouble.append((self._asked + after, what, argument))

    def between(self, after: int, act: Callable[[], None]) -> None:
        """Let something happen before the request that comes after so many others."""
        due = self._asked + after

        def look() -> None:
            if self._asked >= due:
                self._between = None
                act()

        self._between = look

    def mend(self) -> None:
        """End all trouble."""
        self.gone = False
        self._trouble.clear()
        self._between = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """One request of the rail's. Raises httpx2.TransportError, and Crash."""
        if self._between is not None:
            self._between()
        self._chain.catch_up()
        body = json.loads(request.read())
        asked = body if isinstance(body, list) else [body]
        what, argument = self._due(asked)
        self._asked += 1
        if self.gone:
            self.faults.took_effect("node_gone")
            raise httpx2.ConnectError("gone", request=request)
        if what:
            self.faults.took_effect(TROUBLE[what])
        if what == "stall":
            raise httpx2.ReadTimeout("stalled", request=request)
        if what == "kill_before":
            raise Crash("a request")
        back = argument if what == "behind" else 0
        self._head = self._chain.blocks[max(0, self._chain.head.number - back)]
        answers = [self._answer(each, what) for each in asked]
        content = json.dumps(answers if isinstance(body, list) else answers[0]).encode()
        self._trace.note(self._chain.now_ms(), f"node {what} {asked[0]['method']}", content)
        if what == "lose":
            raise httpx2.RemoteProtocolError("lost", request=request)
        if what == "kill_after":
            raise Crash("a request")
        return httpx2.Response(200, content=content)

    def _due(self, asked: list[Answer]) -> tuple[str, int]:
        """What befalls this request."""
        sends = asked[0]["method"] == "eth_sendRawTransaction"
        for each in self._trouble:
            at, what, argument = each
            if self._asked >= at and (sends or what not in ("forget", "fail_after")):
                self._trouble.remove(each)
                return what, argument
        return "", 0

    def _answer(self, asked: Answer, what: str) -> Answer:
        said: Answer = {"jsonrpc": "2.0", "id": asked["id"]}
        try:
            if what == "fail":
                raise RpcError("limit exceeded")
            result = _METHODS[asked["method"]](self, *asked["params"])
            if what == "forget":
                self._chain.forget(str(result))
            if what == "fail_after":
                raise RpcError("internal error")
            return said | {"result": result}
        except RpcError as error:
            told = {"code": -32000, "message": str(error), "data": error.data}
            return said | {"error": told}

    # What it can be asked

    def _block(self, name: str) -> Block:
        number = self._head.number if name == "latest" else int(name, 16)
        if number > self._head.number:
            raise RpcError("header not found")
        return self._chain.blocks[number]

    def _get_block(self, name: str, _whole: bool) -> Answer | None:
        number = self._head.number if name == "latest" else int(name, 16)
        if number > self._head.number:
            return None
        block = self._chain.blocks[number]
        if name == "latest" and block.base_fee > self._priced:
            self.faults.took_effect("chain_dear")
        return {"number": hex(number), "hash": block.hash, "baseFeePerGas": hex(block.base_fee)}

    def _call(self, asked: Answer, name: str) -> str:
        block = self._block(name)
        there, data = block.contract, bytes.fromhex(asked["data"][2:])
        if asked["to"].lower() == there.terms.token and data == wire.DECIMALS:
            return f"0x{DECIMALS_OF_TOKEN:064x}"
        if asked["to"].lower() != there.terms.contract:
            return "0x"
        if "from" not in asked:
            return wire.viewed(data, there)
        called, arguments = wire.call_of(data)
        try:
            there.called(asked["from"].lower(), block.at, called, arguments)
        except Reverted as error:
            if error.name == "BondTooSmall":
                self.faults.took_effect("escrow_bond_short")
            raise RpcError("execution reverted", wire.reverted(error)) from error
        return "0x"

    def _send(self, raw: str) -> str:
        content = HexBytes(raw)
        name = "0x" + keccak(content).hex()
        if name not in self._known:
            self._known[name] = _transaction(name, content)
        try:
            self._chain.send(self._known[name])
        except PoolError as error:
            raise RpcError(str(error)) from error
        return name

    def _logs(self, asked: Answer) -> list[Answer]:
        first, last = int(asked["fromBlock"], 16), int(asked["toBlock"], 16)
        names, sequence = asked["topics"]
        found = [
            wire.log(each)
            for block in self._chain.blocks[first : min(last, self._head.number) + 1]
            for each in block.logs
        ]
        return [
            {"topics": topics, "data": data}
            for topics, data in found
            if topics[0] in names and topics[1] == sequence
        ]

    def _code(self, address: str, _name: str) -> str:
        return "0xfe" if address.lower() == self._head.contract.terms.contract else "0x"

    def _count(self, address: str, name: str) -> str:
        return hex(self._block(name).counts.get(address.lower(), 0))


def _transaction(name: str, content: HexBytes) -> Transaction:
    given = TypedTransaction.from_bytes(content).as_dict()
    return Transaction(
        name,
        str(Account.recover_transaction(content)).lower(),
        cast(int, given["nonce"]),
        cast(int, given["maxFeePerGas"]),
        cast(int, given["maxPriorityFeePerGas"]),
        *wire.call_of(bytes(given["data"])),
    )


DECIMALS_OF_TOKEN = 18
_TIP = GWEI

_METHODS: dict[str, Callable[..., Any]] = {
    "eth_chainId": lambda nodes: hex(nodes._head.contract.terms.chain),
    "eth_blockNumber": lambda nodes: hex(nodes._head.number),
    "eth_maxPriorityFeePerGas": lambda _nodes: hex(_TIP),
    "eth_getBlockByNumber": Nodes._get_block,
    "eth_getCode": Nodes._code,
    "eth_getTransactionCount": Nodes._count,
    "eth_call": Nodes._call,
    "eth_sendRawTransaction": Nodes._send,
    "eth_getLogs": Nodes._logs,
}
