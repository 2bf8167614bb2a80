"""Merkle tree hashes and inclusion proofs as in RFC 6962, section 2.1 (SHA-256)."""

import hashlib

from protocol.errors import WireError


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of one leaf, 32 bytes."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows leaf by leaf and keeps only the roots of its full parts, so its memory is
    the logarithm of its size. It also gathers the audit path of one leaf, the one that is watched;
    `index` is that leaf's number (from 0), -1 if there is none."""

    def __init__(self) -> None:
        self.count = 0
        self.index = -1
        self._parts: list[tuple[bytes, bool]] = []  # (root, holds the watched leaf), largest first
        self._path: list[bytes] = []

    def add(self, hash_: bytes, watched: bool = False) -> None:
        """Take the next leaf, given by its hash. At most one may be watched."""
        if watched:
            self.index = self.count
        part = hash_, watched
        rest = self.count
        self.count += 1
        # A binary counter: each carry joins two parts of one size.
        while rest & 1:
            part = _join(self._parts.pop(), part, self._path)
            rest >>= 1
        self._parts.append(part)

    def root(self) -> bytes:
        """The Merkle tree hash of what has come, 32 bytes. Of nothing: the SHA-256 of nothing."""
        if not self._parts:
            return hashlib.sha256(b"").digest()
        return self._whole([])

    def path(self) -> list[bytes]:
        """The audit path of the watched leaf: sibling hashes from the leaf up.

        Raises WireError if none has come.
        """
        if self.index < 0:
            raise WireError("index", "must be that of one of the leaves")
        path = list(self._path)
        self._whole(path)
        return path

    def _whole(self, path: list[bytes]) -> bytes:
        whole = self._parts[-1]
        for part in reversed(self._parts[:-1]):
            whole = _join(part, whole, path)
        return whole[0]


def _join(
    left: tuple[bytes, bool], right: tuple[bytes, bool], path: list[bytes]
) -> tuple[bytes, bool]:
    if left[1]:
        path.append(right[0])
    elif right[1]:
        path.append(left[0])
    return _node(left[0], right[0]), left[1] or right[1]


def root(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash of these leaves, 32 bytes. Of none: the SHA-256 of nothing."""
    return root_of_hashes([leaf_hash(leaf) for leaf in leaves])


def root_of_hashes(hashes: list[bytes]) -> bytes:
    """The Merkle tree hash over leaf hashes, as `root` of their leaves."""
    tree = Tree()
    for each in hashes:
        tree.add(each)
    return tree.root()


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
