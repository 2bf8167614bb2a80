"""What nodes answer, read and checked: a text is no number, and a number none that can't be kept.
Everything raises NodeError."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address

from gateway.settlement.rails.evm.rpc import NodeError, number


def fitting(found: int) -> int:
    """A number that a database can keep. Raises NodeError."""
    if found >= 2**63:
        raise NodeError("evm: a node said a number that is none of ours")
    return found


def count(value: object) -> int:
    """Such a number, as nodes write it. Raises NodeError."""
    return fitting(number(value))


def text_of(form: str, value: object) -> str:
    """A text of this form. Raises NodeError."""
    if not isinstance(value, str) or not re.fullmatch(form, value):
        raise NodeError("evm: a node answered what is no hash or no address")
    return value


def _read(what: str, read: Callable[[], Any]) -> Any:
    """What can be read of an answer. Raises NodeError."""
    try:
        return read()
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise NodeError(f"evm: a node answered {what}") from error


def _address(topic: object) -> str:
    """The address in a log's topic, as EIP-55 writes it. Raises NodeError."""
    return str(to_checksum_address("0x" + text_of("0x0{24}[0-9a-f]{40}", topic)[26:]))


def _units(value: object) -> int:
    found = count(value)
    if not found:
        raise NodeError("evm: a node said a deposit of nothing, which the contract refuses")
    return found


def timestamp(block: Any) -> int:
    """The Unix second of a block."""
    return int(_read("what is no block", lambda: count(block["timestamp"])))


def deposits(logs: Any) -> list[tuple[int, int, str, str, int]]:
    """Deposits by block and place in it, transaction, owner and units."""

    def read() -> list[tuple[int, int, str, str, int]]:
        return [
            (
                count(log["blockNumber"]),
                count(log["logIndex"]),
                text_of("0x[0-9a-f]{64}", log["transactionHash"]),
                _address(log["topics"][1]),
                _units(log["data"]),
            )
            for log in logs
        ]

    return list(_read("what are no logs", read))


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of a transaction: its block, status (1 is good), gas, and what it cost in wei."""

    block: int
    status: int
    gas: int
    fee: int


def receipt(said: Any) -> Receipt | None:
    """A transaction's receipt, None of one that no block has. A second layer's has what it charges
    for its data on the first besides."""
    if said is None:
        return None

    def read() -> Receipt:
        gas = count(said["gasUsed"])
        fee = gas * number(said["effectiveGasPrice"]) + number(said.get("l1Fee") or "0x0")
        block, status = count(said["blockNumber"]), count(said["status"])
        return Receipt(block, status, gas, fee)

    found: Receipt = _read("what is no receipt", read)
    return found
