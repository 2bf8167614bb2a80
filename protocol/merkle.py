"""Merkle tree hashes and inclusion proofs as in RFC 6962, section 2.1 (SHA-256)."""

import hashlib

from protocol.errors import WireError


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of one leaf, 32 bytes."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(count: int) -> int:
    """The greatest power of two below `count`."""
    size = 1
    while size * 2 < count:
        size *= 2
    return size


def root(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash of these leaves, 32 bytes. Of none: the SHA-256 of nothing."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    return root_of_hashes([leaf_hash(leaf) for leaf in leaves])


def root_of_hashes(hashes: list[bytes]) -> bytes:
    """The Merkle tree hash over at least one leaf hash."""
    level = hashes
    # Pairing neighbours and carrying an odd last one up gives RFC 6962's tree, without recursion.
    while len(level) > 1:
        pairs = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            pairs.append(level[-1])
        level = pairs
    return level[0]


def proof(leaves: list[bytes], index: int) -> list[bytes]:
    """The audit path of leaf `index` (0..len-1): sibling hashes from the leaf up.

    Raises WireError if there is no such leaf.
    """
    # No star in the displays: MicroPython has none.
    if not 0 <= index < len(leaves):
        raise WireError("index", "must be that of one of the leaves")
    if len(leaves) == 1:
        return []
    half = _split(len(leaves))
    if index < half:
        return proof(leaves[:half], index) + [root(leaves[half:])]  # noqa: RUF005
    return proof(leaves[half:], index - half) + [root(leaves[:half])]  # noqa: RUF005


def is_included(leaf: bytes, index: int, count: int, path: list[bytes], root_hash: bytes) -> bool:
    """Whether `path` proves that `leaf` is number `index` of the `count` leaves under `root_hash`
    (RFC 9162, 2.1.3.2)."""
    if index < 0 or index >= count:
        return False
    position = index
    last = count - 1
    value = leaf_hash(leaf)
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            value = _node(sibling, value)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            value = _node(value, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and value == root_hash
