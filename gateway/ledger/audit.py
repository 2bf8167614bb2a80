"""The audit log's rule: as in the journal, each record's hash commits to the whole log before it.

hash = SHA-256(previous hash || deterministic CBOR of the record); the first follows 32 zero bytes.
Of its details a record holds only the commitment, SHA-256(salt || deterministic CBOR of before,
after and why): they can be erased, and the chain holds. Without the salt nobody can try out what
they were.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.ledger import chain
from protocol import cbor

SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Details:
    """What of a record can be erased: `before` and `after` are JSON, empty where there is nothing
    to tell, `why` the reason, if the operation asks for one. `salt`: 16 random bytes."""

    salt: bytes
    before: str
    after: str
    why: str

    def listed(self) -> list[object]:
        """As they stand in a file of the log."""
        return [self.salt, self.before, self.after, self.why]

    def committed(self) -> bytes:
        """What a record says of them, 32 bytes."""
        said = cbor.encode([self.before, self.after, self.why])
        return hashlib.sha256(self.salt + said).digest()


@dataclass(frozen=True, slots=True)
class Record:
    """Who did what to what, and when (Unix seconds); `committed` is what its details commit to,
    which are None once they are erased."""

    at: int
    who: str
    action: str
    subject: str
    committed: bytes
    details: Details | None


def fields(record: Record) -> dict[int, object]:
    """A record as the map that is hashed."""
    return {
        1: record.at,
        2: record.who,
        3: record.action,
        4: record.subject,
        5: record.committed,
    }


def link(previous: bytes, record: Record) -> bytes:
    """The hash of the record that follows the record with hash `previous`, 32 bytes."""
    return chain.follow(previous, cbor.encode(fields(record)))


@dataclass(frozen=True, slots=True)
class Checked:
    """How many records hold, the hash of the last of them, and what is wrong after it: empty if
    nothing is. Of `erased` of them the details are gone."""

    count: int
    head: bytes
    wrong: str = ""
    erased: int = 0


def check(records: Iterable[tuple[int, Record, bytes]]) -> Checked:
    """Follow the chain from its start; each record comes with its number and its stored hash."""
    count, head, erased = 0, chain.START, 0
    for number, record, stored in records:
        if number != count + 1:
            wrong = f"record {count + 1} is missing, the next is {number}"
            return Checked(count, head, wrong, erased)
        following = link(head, record)
        details = record.details
        altered = details is not None and details.committed() != record.committed
        if following != stored or altered:
            return Checked(count, head, f"record {number} is not what its hash says", erased)
        count, head, erased = number, following, erased + (details is None)
    return Checked(count, head, erased=erased)


FORMAT = "tallystick audit 2"
DOMAIN = b"tallystick/v1/audit"
"""What goes before a head where it is signed, so that the signature is good for nothing else."""


def head_of(count: int, head: bytes, at: int) -> bytes:
    """That the log had so many records, with this hash of the last, at Unix second `at`."""
    return cbor.encode({1: count, 2: head, 3: at})


def file_of(records: Iterable[tuple[int, Record, bytes]], head: bytes, signature: bytes) -> bytes:
    """A file of the whole log, each record with its hash and what is kept of its details, and its
    head with the gateway's signature of `DOMAIN` and that."""
    rows = []
    for _number, record, stored in records:
        details = {} if record.details is None else {7: record.details.listed()}
        rows.append(fields(record) | {6: stored} | details)
    return cbor.encode({1: FORMAT, 2: rows, 3: head, 4: signature})
