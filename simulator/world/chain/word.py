"""What a gateway says of a settlement, as the escrow's model takes it apart: entries, their Merkle
root (RFC 6962 over SHA-256), and who signed that (EIP-712). Shares no code with the gateway's."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_keys.datatypes import Signature as EthSignature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

Signature = tuple[bytes, bytes, int]
"""r, s and v."""

NOBODY = "0x" + "00" * 20

_DOMAIN = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_SETTLEMENT = keccak(text="Settlement(uint32 sequence,bytes32 batch,uint32 count,bytes32 root)")


@dataclass(frozen=True)
class Said:
    """What was signed, but for the root."""

    chain: int
    contract: str
    sequence: int
    batch: bytes
    count: int


def entry(value: int) -> tuple[str, int]:
    """An entry's owner and what is settled with it."""
    settled = value & 0xFFFF_FFFF_FFFF_FFFF
    return f"0x{value >> 96:040x}", settled - (settled >> 63 << 64)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes | None:
    """The Merkle root of entries; None if there are none."""
    if not leaves:
        return None
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return _node(root(leaves[:half]) or b"", root(leaves[half:]) or b"")


def root_by_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf and its audit path come to; None if the path has another length."""
    if count == 1:
        return None if path else hashlib.sha256(b"\x00" + leaf).digest()
    if not path:
        return None
    half = 1 << (count - 1).bit_length() - 1
    *below, beside = path
    if index < half:
        left = root_by_path(leaf, index, half, below)
        return None if left is None else _node(left, beside)
    right = root_by_path(leaf, index - half, count - half, below)
    return None if right is None else _node(beside, right)


def path_of(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of a leaf."""
    if len(leaves) == 1:
        return []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if index < half:
        return [*path_of(leaves[:half], index), root(leaves[half:]) or b""]
    return [*path_of(leaves[half:], index - half), root(leaves[:half]) or b""]


def signer(said: Said, signed_root: bytes, signature: Signature) -> str:
    """The address whose key signed this, in small letters; NOBODY's if there is none."""
    r, s, v = signature
    if v not in (27, 28):
        return NOBODY
    domain = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [_DOMAIN, keccak(text="Tallystick"), keccak(text="1"), said.chain, said.contract],
        )
    )
    message = keccak(
        encode(
            ["bytes32", "uint32", "bytes32", "uint32", "bytes32"],
            [_SETTLEMENT, said.sequence, said.batch, said.count, signed_root],
        )
    )
    try:
        found = EthSignature(vrs=(v - 27, int.from_bytes(r, "big"), int.from_bytes(s, "big")))
        key = found.recover_public_key_from_msg_hash(keccak(b"\x19\x01" + domain + message))
    except (BadSignature, ValidationError):
        return NOBODY
    return key.to_address()
