"""Checks a file of a gateway's audit log offline: each record, and the head that was signed.

Shares nothing with what writes the log but the protocol's encoding.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.keys import verify
from gateway.verify import Verdict
from protocol import cbor
from protocol.errors import ProtocolError, WireError
from protocol.fields import array, data, integer, octets, read_map

FORMAT = "tallystick audit 2"
_DOMAIN = b"tallystick/v1/audit"
MAX_EXPORT = 512 * 1024 * 1024
"""Greatest file in bytes that is read."""
_START = cbor.encode(FORMAT)


@dataclass(frozen=True, slots=True)
class Head:
    """The last record's number and hash at Unix second `at`, as the gateway has signed it."""

    seq: int
    hash: bytes
    at: int


def is_export(start: bytes) -> bool:
    """Whether bytes that begin so claim to be a file of an audit log."""
    # A map of four, its key 1, and the format's name.
    return start[2 : 2 + len(_START)] == _START


def check_export(content: bytes, keys: Sequence[bytes]) -> Verdict:
    """Check all of a file against the gateway's public keys; never raises for bad input."""
    verdict = Verdict("audit", False)
    try:
        head = read_head(content, keys)
        verdict.signer = head[1].hex()
        _follow(content, head[0], verdict)
    except ProtocolError as error:
        verdict.error = str(error)
    verdict.ok = not verdict.error
    return verdict


def read_head(content: bytes, keys: Sequence[bytes]) -> tuple[Head, bytes]:
    """The signed head of a file, and which of the keys signed it. Raises ProtocolError."""
    fields = _fields(content)
    head = octets(fields[3], "audit.head")
    signature = data(fields[4], 64, "audit.signature")
    for key in keys:
        if verify(key, _DOMAIN + head, signature):
            said = read_map(cbor.decode(head), (1, 2, 3), (), "audit.head")
            found = Head(
                integer(said[1], "audit.head.seq"),
                data(said[2], 32, "audit.head.hash"),
                integer(said[3], "audit.head.at"),
            )
            return found, key
    raise WireError("audit.head", "not signed by a key that was given: give --key")


def _fields(content: bytes) -> dict[int, object]:
    if len(content) > MAX_EXPORT:
        raise WireError("audit", f"longer than {MAX_EXPORT} bytes")
    found = read_map(cbor.decode(content), (1, 2, 3, 4), (), "audit")
    if found[1] != FORMAT:
        raise WireError("audit", f"must be of the format {FORMAT}")
    return found


def _committed(details: object, where: str) -> bytes:
    salt, *said = array(details, where)
    return hashlib.sha256(data(salt, 16, where) + cbor.encode(said)).digest()


def _follow(content: bytes, head: Head, verdict: Verdict) -> None:
    records = array(_fields(content)[2], "audit.records")
    previous, erased = bytes(32), 0
    for number, record in enumerate(records, 1):
        where = f"audit.records.{number}"
        row = dict(read_map(record, (1, 2, 3, 4, 5, 6), (7,), where))
        details, stored = row.pop(7, None), row.pop(6)
        previous = hashlib.sha256(previous + cbor.encode(row)).digest()
        if details is None:
            erased += 1
        elif _committed(details, where) != row[5]:
            raise WireError(where, "was altered: its details are not what its hash says")
        if previous != stored:
            raise WireError(where, "was altered: it is not what its hash says")
    verdict.facts = {
        "records": len(records),
        "erased": erased,
        "head": previous.hex(),
        "signed_at": head.at,
    }
    if len(records) != head.seq:
        raise WireError("audit.records", f"{len(records)} are there, {head.seq} were signed")
    if previous != head.hash:
        raise WireError("audit.records", "they do not lead to the signed head: written anew")
    verdict.proves = [
        f"The gateway's audit log had exactly these {head.seq} records at {head.at}.",
        "A later file or database that lacks one of them, or has it otherwise, was tampered with.",
    ]
    verdict.does_not_prove = [
        "That it records all that was done: whoever held both the database and the gateway's key "
        "could have written the whole log anew before it was signed.",
        "What the details were that are erased: of those it proves only that there was such a "
        "record.",
    ]
