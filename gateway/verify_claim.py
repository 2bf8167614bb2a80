"""Checks a file with a claim on the XRP Ledger offline, as `gateway.verify` checks messages.

Shares nothing with what makes the file but the protocol, and needs nothing of that ledger's.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.keys import verify
from gateway.verify import Verdict
from protocol import MAX_INT, xrpl
from protocol.errors import AuthenticationError, ProtocolError, WireError

MAX_CLAIM = 4096
"""The longest such file, in bytes."""
_KEY_MARK = "ED"


def is_claim(start: bytes) -> bool:
    """Whether bytes that begin so are JSON, which no signed message is."""
    return start.lstrip(b" \t\r\n")[:1] == b"{"


def check_claim_file(content: bytes, keys: Sequence[bytes]) -> Verdict:
    """Check a claim as `channel claim` writes it, or its transaction alone; `keys` are those that
    may have signed it, any if there are none. Never raises for bad input."""
    verdict = Verdict("xrpl claim", False)
    try:
        _check(_transaction(content), keys, verdict)
    except ProtocolError as error:
        verdict.error = str(error)
        return verdict
    verdict.ok = True
    return verdict


def _transaction(content: bytes) -> Mapping[str, Any]:
    if len(content) > MAX_CLAIM:
        raise WireError("claim", f"longer than {MAX_CLAIM} bytes")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise WireError("claim", "no JSON") from None
    if isinstance(found, dict) and "transaction" in found:
        found = found["transaction"]
    if not isinstance(found, dict) or found.get("TransactionType") != "PaymentChannelClaim":
        raise WireError("claim.TransactionType", "must be PaymentChannelClaim")
    return found


def _check(said: Mapping[str, Any], keys: Sequence[bytes], verdict: Verdict) -> None:
    xrpl_channel = _hex(said, "Channel", 32)
    amount, balance = _drops(said, "Amount"), _drops(said, "Balance")
    signature = _hex(said, "Signature", 64)
    written = str(said.get("PublicKey", ""))
    if not written.upper().startswith(_KEY_MARK):
        raise WireError("claim.PublicKey", "must be an Ed25519 key: ED and 64 hex digits")
    key = _bytes(written[len(_KEY_MARK) :], 32, "PublicKey")
    verdict.signer = key.hex()
    verdict.facts = {"xrpl_channel": xrpl_channel.hex().upper(), "drops": amount}
    if keys and key not in keys:
        raise WireError("key", "the claim is of another key")
    if not verify(key, xrpl.claim_bytes(xrpl_channel, amount), signature):
        raise AuthenticationError("claim.Signature", "not the key's, over this channel and amount")
    if balance > amount:
        raise WireError("claim.Balance", "must be at most Amount, which was signed")
    verdict.proves = [
        f"The holder of the key lets the XRPL channel pay its destination {amount} drops in all."
    ]
    verdict.does_not_prove = [
        "That the ledger has this channel with this key, and holds as much: look there.",
        "That this is the last claim: a later one contains it, they never add up.",
    ]
    if not keys:
        verdict.does_not_prove.append(
            f"Whose key {verdict.signer} is: it was taken from the file, compare it."
        )


def _hex(said: Mapping[str, Any], name: str, size: int) -> bytes:
    return _bytes(str(said.get(name, "")), size, name)


def _bytes(text: str, size: int, name: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != size:
        raise WireError(f"claim.{name}", f"must be {2 * size} hex digits")
    return found


def _drops(said: Mapping[str, Any], name: str) -> int:
    digits = said.get(name)
    if not isinstance(digits, str) or not (digits.isascii() and digits.isdigit()):
        raise WireError(f"claim.{name}", "must be drops, as text of digits")
    if len(digits) > 19 or int(digits) > MAX_INT:
        raise WireError(f"claim.{name}", "must be below 2^63")
    return int(digits)
