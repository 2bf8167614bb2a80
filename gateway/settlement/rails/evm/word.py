"""The gateway's word on one settlement, as the escrow checks it: pure, no connection.

A settlement has entries, of which each says what an owner's `settled` is now: all that was ever
paid to it, less what was collected, in units. Their Merkle root (RFC 6962, SHA-256) is signed with
the settlement's number and batch, by EIP-712, so that it fits no other contract and no other chain.
An owner keeps an entry, its path and the signature: that is what `claim` takes.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data

from protocol import merkle

MOST_UNITS = 2**63 - 1

Signature = tuple[bytes, bytes, int]
"""r, s and v."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An owner's address (0x and 40 hex digits) and what is settled with it, in units."""

    owner: str
    settled: int

    @property
    def word(self) -> int:
        """The entry as the contract takes it: the address, 32 zero bits, 64 bits of settled."""
        return int(self.owner, 16) << 96 | self.settled & 0xFFFF_FFFF_FFFF_FFFF

    @property
    def leaf(self) -> bytes:
        """The entry as a leaf of its settlement's tree."""
        return self.word.to_bytes(32, "big")


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one transaction settles: `sequence` counts from 1, `batch` names what it is of."""

    sequence: int
    batch: str
    entries: tuple[Entry, ...]

    @property
    def batch_hash(self) -> bytes:
        """The SHA-256 of the batch's name, which the contract knows it by."""
        return hashlib.sha256(self.batch.encode()).digest()

    @property
    def root(self) -> bytes:
        """The Merkle root of its entries."""
        return merkle.root([each.leaf for each in self.entries])

    @property
    def words(self) -> list[int]:
        """Its entries as the contract takes them."""
        return [each.word for each in self.entries]

    def path(self, owner: str) -> tuple[int, list[bytes]]:
        """The number of an owner's entry, from 0, and its audit path. Raises WireError if there is
        none."""
        tree = merkle.Tree()
        for each in self.entries:
            tree.add(merkle.leaf_hash(each.leaf), watched=each.owner == owner)
        return tree.index, tree.path()


def typed_data(chain: int, contract: str, said: Settlement) -> dict[str, Any]:
    """What is signed, as EIP-712 writes it."""
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Settlement": [
                {"name": "sequence", "type": "uint32"},
                {"name": "batch", "type": "bytes32"},
                {"name": "count", "type": "uint32"},
                {"name": "root", "type": "bytes32"},
            ],
        },
        "primaryType": "Settlement",
        "domain": {
            "name": "Tallystick",
            "version": "1",
            "chainId": chain,
            "verifyingContract": contract,
        },
        "message": {
            "sequence": said.sequence,
            "batch": said.batch_hash,
            "count": len(said.entries),
            "root": said.root,
        },
    }


def sign(key: bytes, chain: int, contract: str, said: Settlement) -> Signature:
    """The signature of a settlement by a secp256k1 key; the same each time (RFC 6979)."""
    message = encode_typed_data(full_message=typed_data(chain, contract, said))
    signed = Account.sign_message(message, key)
    return signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big"), signed.v
