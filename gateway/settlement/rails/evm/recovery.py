"""Making a lost record again, so that nothing is paid twice: what was settled, from the chain,
which has each settlement's entries and signature in the transaction that brought it; what still
waits, from the books.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import get_abi_input_types
from eth_utils.address import to_checksum_address

from gateway.settlement.rails import Instruction, RailError
from gateway.settlement.rails.evm.escrow import LOGS_AT_ONCE, Heights, encoded, named, topic
from gateway.settlement.rails.evm.rail import EvmRail
from gateway.settlement.rails.evm.rpc import number
from gateway.settlement.rails.evm.word import Entry, Settlement, Signature


@dataclass(frozen=True, slots=True)
class Recovered:
    """Which settlements and which batches were written down again."""

    settlements: list[int]
    batches: list[str]


@dataclass(frozen=True, slots=True)
class Given:
    """A batch as the books have it: each of its instructions, and those that have no outcome."""

    instructions: Sequence[Instruction]
    waiting: frozenset[str]


def recover(rail: EvmRail, given: Mapping[str, Given]) -> Recovered:
    """Write down again what a rail's record lacks. `given` are all batches that it was ever given,
    by name. What the record has stays as it is.

    Raises RailError, before anything is written, if something on the chain is not final yet, or is
    of no batch that the books have; OSError.
    """
    with rail.record.alone() as nobody_else, rail.nodes.connected():
        if not nobody_else:
            raise RailError("evm: another process is at work on the record; stop the gateway")
        rail.escrow.check(rail.settings.signer())
        heights = rail.escrow.heights()
        final = rail.escrow.last(heights.confirmed)
        _nothing_under_way(rail, heights, final)
        known = rail.record.said()
        missing = [each for each in range(1, final + 1) if each not in known]
        words = _words(rail, missing, list(given), heights)
        there = [rail.record.word(*each)[0] for each in known.items()]
        batches = _lost(rail, given, [*there, *(each for each, _signature, _block in words)])
        # The newest settlement last: without it, nothing is signed on what is half written.
        for settlement, signature, block in words:
            rail.record.keep_said(settlement, signature, block)
        for name in batches:
            rail.submit(name, given[name].instructions)
        return Recovered(missing, batches)


def _nothing_under_way(rail: EvmRail, heights: Heights, final: int) -> None:
    """What was signed and is lost could still get into a block, and say other than what would be
    signed anew. Raises RailError."""
    sender = rail.settings.signer()
    newest = rail.nodes.each("eth_getTransactionCount", sender, "latest")
    waiting = rail.nodes.each("eth_getTransactionCount", sender, "pending")
    if rail.escrow.last(heights.head) > final or any(
        number(more) > number(there) for more, there in zip(waiting, newest, strict=True)
    ):
        raise RailError("evm: a settlement is under way and not final; try again when it is")


_Word = tuple[Settlement, Signature, int]


def _words(
    rail: EvmRail, missing: Sequence[int], names: Sequence[str], heights: Heights
) -> list[_Word]:
    """These settlements as they stand on the chain, each with its signature and block."""
    by_hash = {hashlib.sha256(name.encode()).digest(): name for name in names}
    found: dict[int, _Word] = {}
    for sequence, block, transaction in _brought(rail, missing, heights.confirmed):
        batch, entries, signature = _called(rail, transaction, sequence)
        if batch not in by_hash:
            raise RailError(
                f"evm: settlement {sequence} is of a batch with the SHA-256 {batch.hex()}, which "
                "the books do not have: restore the newest books first"
            )
        said = Settlement(sequence, by_hash[batch], entries)
        if rail.escrow.root(sequence, heights.confirmed) != said.root:
            raise RailError(f"evm: transaction {transaction}: is not what settlement {sequence} is")
        found[sequence] = said, signature, block
    if lacking := [each for each in missing if each not in found]:
        raise RailError(f"evm: the nodes do not show settlement {lacking[0]}")
    return [found[each] for each in missing]


def _brought(rail: EvmRail, missing: Sequence[int], last: int) -> list[tuple[int, int, str]]:
    """The block and transaction of each of these settlements, sought from the newest on."""
    wanted, found = set(missing), []
    while wanted and last >= 0:
        first = max(0, last - LOGS_AT_ONCE + 1)
        asked = {
            "address": rail.settings.contract,
            "topics": [topic("Settled")],
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }
        for sequence, block, transaction in rail.nodes.agreed("eth_getLogs", asked, of=_places):
            if sequence in wanted:
                wanted.remove(sequence)
                found.append((sequence, block, transaction))
        last = first - 1
    return found


def _places(logs: Any) -> list[tuple[int, int, str]]:
    try:
        return [
            (number(log["topics"][1]), number(log["blockNumber"]), str(log["transactionHash"]))
            for log in logs
        ]
    except (KeyError, IndexError, TypeError) as error:
        raise RailError("evm: a node answered what are no logs") from error


def _called(
    rail: EvmRail, transaction: str, sequence: int
) -> tuple[bytes, tuple[Entry, ...], Signature]:
    """What a transaction gave to `settle`."""
    data = rail.nodes.agreed("eth_getTransactionByHash", transaction, of=_input)
    function = named("function", "settle")
    try:
        if not data.startswith(encoded("settle", 0, bytes(32), [], (bytes(32), bytes(32), 0))[:10]):
            raise RailError(
                f"evm: settlement {sequence} was brought by another contract, in transaction "
                f"{transaction}: its entries can't be read from there"
            )
        _sequence, batch, words, signature = decode(
            get_abi_input_types(function), bytes.fromhex(data[10:])
        )
    except (DecodingError, ValueError) as error:
        raise RailError(f"evm: transaction {transaction}: is no settlement") from error
    return batch, tuple(_entry(each) for each in words), signature


def _input(transaction: Any) -> str:
    if not isinstance(transaction, dict) or not isinstance(transaction.get("input"), str):
        raise RailError("evm: a node lacks a transaction that it has told of")
    return str(transaction["input"])


def _entry(value: int) -> Entry:
    settled = value & 0xFFFF_FFFF_FFFF_FFFF
    owner = to_checksum_address((value >> 96).to_bytes(20, "big"))
    return Entry(str(owner), settled - (settled >> 63 << 64))


def _lost(rail: EvmRail, given: Mapping[str, Given], said: Sequence[Settlement]) -> list[str]:
    """The batches that still wait for something and are not in the record. Raises RailError for one
    of which a part has an outcome that the chain does not have."""
    here = {each.name for each in rail.record.batches()}
    found = [name for name, batch in given.items() if batch.waiting and name not in here]
    settled = {(each.batch, entry.owner) for each in said for entry in each.entries}
    for name in found:
        for each in given[name].instructions:
            on_chain = (name, each.destination.get("address")) in settled
            if each.id not in given[name].waiting and not on_chain:
                raise RailError(
                    f"evm: {each.id} has an outcome, and is in no settlement on the chain: what "
                    f"waits of {name} must be concluded by people"
                )
    return found
