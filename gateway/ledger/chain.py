"""The journal's hash chain: each entry's hash commits to the whole journal before it.

hash = SHA-256(previous hash || deterministic CBOR of the entry); the first follows 32 zero bytes.
A map per posting holds {1: debit} or {2: credit}, since the encoding has unsigned integers only.
"""

import hashlib

from gateway.ledger.entry import Entry, Posting
from protocol import cbor

START = bytes(32)
"""The head of an empty journal."""


def encode(entry: Entry) -> bytes:
    """The one encoding of an entry."""
    return cbor.encode(
        {
            1: entry.kind,
            2: entry.reference,
            3: entry.at,
            4: [_posting(posting) for posting in entry.postings],
            5: entry.memo,
        }
    )


def _posting(posting: Posting) -> dict[int, object]:
    side = 1 if posting.amount > 0 else 2
    return {1: posting.account, 2: posting.currency, 3: {side: abs(posting.amount)}}


def link(previous: bytes, entry: Entry) -> bytes:
    """The hash of the entry that follows the entry with hash `previous`, 32 bytes."""
    return follow(previous, encode(entry))


def follow(previous: bytes, encoded: bytes) -> bytes:
    """The hash of what is encoded so and follows what has the hash `previous`, 32 bytes."""
    return hashlib.sha256(previous + encoded).digest()
