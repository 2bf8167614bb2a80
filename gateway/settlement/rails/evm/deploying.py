"""Putting an escrow on a chain, once, by the key that will sign runs."""

import time
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_account import Account
from eth_utils.address import to_checksum_address

from gateway.settlement.rails import RailError
from gateway.settlement.rails.evm import artefact
from gateway.settlement.rails.evm.rpc import Nodes, number

GAS = 4_000_000
_DECIMALS = "0x313ce567"
_WAIT = 180.0
"""Seconds until a transaction that is in no block is given up; it may still get into one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to deploy: units of so many `decimals`, of a token on a chain, and how many seconds an
    exit waits (3,600 to 2,592,000); `max_fee` in wei per gas."""

    chain_id: int
    token: str
    decimals: int
    period: int
    max_fee: int


def deploy(nodes: Nodes, plan: Plan, key: bytes) -> str:
    """The address of a new escrow, of which the key's address is operator and signer.

    Raises RailError, if the nodes are of another chain or what is planned can't be, before anything
    is sent; if it was sent, the text says so.
    """
    with nodes.connected():
        for chain in nodes.each("eth_chainId"):
            if number(chain) != plan.chain_id:
                raise RailError(f"chain-id: the node is of chain {number(chain)}")
        has = number(nodes.agreed("eth_call", {"to": plan.token, "data": _DECIMALS}, "latest"))
        if has < plan.decimals:
            raise RailError(f"decimals: the token has {has}; it can't be counted more finely")
        sender = str(Account.from_key(key).address)
        unit = 10 ** (has - plan.decimals)
        arguments = encode(
            ["address", "uint256", "uint32", "address"], [plan.token, unit, plan.period, sender]
        )
        data = artefact.bytecode() + arguments.hex()
        nodes.each("eth_call", {"from": sender, "data": data}, "latest")
        counts = nodes.each("eth_getTransactionCount", sender, "latest")
        signed = Account.sign_transaction(
            {
                "type": 2,
                "chainId": plan.chain_id,
                "nonce": max(number(each) for each in counts),
                "value": 0,
                "data": data,
                "gas": GAS,
                "maxFeePerGas": plan.max_fee,
                "maxPriorityFeePerGas": min(plan.max_fee, 10**9),
            },
            key,
        )
        nodes.broadcast(signed.raw_transaction.to_0x_hex())
        return _address(nodes, signed.hash.to_0x_hex())


def _address(nodes: Nodes, name: str) -> str:
    end = time.monotonic() + _WAIT
    while time.monotonic() < end:
        receipt = nodes.each("eth_getTransactionReceipt", name)[0]
        if receipt is not None:
            if number(receipt["status"]) != 1:
                raise RailError(f"transaction {name}: was refused by the chain")
            return str(to_checksum_address(receipt["contractAddress"]))
        time.sleep(0.5)
    raise RailError(f"transaction {name}: was sent and is in no block yet; look it up there")
