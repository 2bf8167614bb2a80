"""Calls, answers and events of the escrow as they stand on a chain, by the signatures of
Escrow.sol. Shares no code with the gateway's."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from simulator.world.chain.contract import Contract, Log, Reverted

_SIGNATURE = "(bytes32,bytes32,uint8)"
_CALLS: Mapping[str, tuple[str, ...]] = {
    "deposit": ("address", "uint64"),
    "addBond": ("uint64",),
    "settle": ("uint32", "bytes32", "uint256[]", _SIGNATURE),
    "claim": ("uint32", "bytes32", "uint256", "uint32", "uint32", "bytes32[]", _SIGNATURE),
    "withdraw": ("uint64", "address"),
    "giveNotice": (),
    "stay": (),
    "exit": (),
    "release": ("address", "uint64"),
    "askBond": ("uint64",),
    "takeBond": ("address",),
    "rotate": ("address",),
    "pause": ("bool",),
}
_ERRORS: Mapping[str, tuple[str, ...]] = {
    "OutOfOrder": ("uint32",),
    "BondTooSmall": ("uint256",),
}
_EVENTS = {
    "Settled": "Settled(uint32,bytes32,bytes32,uint32)",
    "Short": "Short(uint32,address,uint64)",
}
_VIEWS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "last": ((), ("uint32",)),
    "signer": ((), ("address",)),
    "token": ((), ("address",)),
    "unit": ((), ("uint256",)),
    "roots": (("uint32",), ("bytes32",)),
    "accounts": (("address",), ("uint64", "uint64", "int64", "uint32", "uint32")),
}
DECIMALS = bytes.fromhex("313ce567")
"""How a token is asked for its decimals."""


class UnknownCall(Exception):
    """Data that is no call of this contract."""


@cache
def _selector(name: str, types: tuple[str, ...]) -> bytes:
    return keccak(text=f"{name}({','.join(types)})")[:4]


def call_of(data: bytes) -> tuple[str, tuple[Any, ...]]:
    """A call's name and arguments. Raises UnknownCall."""
    for name, types in _CALLS.items():
        if data[:4] == _selector(name, types):
            return name, decode(types, data[4:])
    raise UnknownCall(data[:4].hex())


def encoded(name: str, *arguments: object) -> bytes:
    """A call, as a transaction's data."""
    return _selector(name, _CALLS[name]) + encode(_CALLS[name], arguments)


def reverted(error: Reverted) -> str:
    """A contract's error, as nodes tell it."""
    types = _ERRORS.get(error.name, ())
    return "0x" + (_selector(error.name, types) + encode(types, error.values)).hex()


def viewed(data: bytes, there: Contract) -> str:
    """What a view answers. Raises UnknownCall."""
    for name, (asked, answered) in _VIEWS.items():
        if data[:4] == _selector(name, asked):
            values = _values(name, decode(asked, data[4:]), there)
            return "0x" + encode(answered, values).hex()
    raise UnknownCall(data[:4].hex())


def _values(name: str, asked: Sequence[Any], there: Contract) -> tuple[object, ...]:
    if name == "accounts":
        found = there.of(asked[0])
        return found.locked, found.free, found.settled, found.sequence, found.leaving
    if name == "roots":
        return (there.roots.get(asked[0], bytes(32)),)
    if name in ("token", "unit"):
        return (getattr(there.terms, name),)
    return (getattr(there, name),)


def log(event: Log) -> tuple[list[str], str]:
    """An event's topics and data, as nodes tell them."""
    name, indexed, others = event
    topics = [f"0x{keccak(text=_EVENTS[name]).hex()}", *(f"0x{each:064x}" for each in indexed)]
    return topics, "0x" + "".join(f"{each:064x}" for each in others)
