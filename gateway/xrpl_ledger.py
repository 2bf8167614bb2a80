"""Whether a payment channel of the XRP Ledger backs a channel here, by what the ledger says of it.

No ledger is asked: the operator asks one that they trust, and brings its answer to `ledger_entry`
or `account_channels` as a file. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.bundle_checks import Check
from gateway.xrpl_claim import XrplClaim

_RIPPLE_EPOCH = 946_684_800
"""Unix second at which the ledger's times begin."""
_DEPTH = 6
_MOST = 10**17
"""All XRP there is, in drops."""


class LedgerAnswerError(ValueError):
    """A ledger's answer that does not say what it must; the text names what is wrong."""


@dataclass(frozen=True)
class XrplChannel:
    """A payment channel as a ledger's answer has it: amounts in drops, times in Unix seconds.
    `validated` is whether the answer says that its ledger version is final."""

    public_key: str
    source: str
    destination: str
    amount: int
    balance: int
    settle_delay: int
    expiration: int | None
    cancel_after: int | None
    validated: bool


_LEDGER_ENTRY = {
    "id": "index",
    "public_key": "PublicKey",
    "source": "Account",
    "destination": "Destination",
    "amount": "Amount",
    "balance": "Balance",
    "settle_delay": "SettleDelay",
    "expiration": "Expiration",
    "cancel_after": "CancelAfter",
}
_ACCOUNT_CHANNELS = {
    "id": "channel_id",
    "public_key": "public_key_hex",
    "source": "account",
    "destination": "destination_account",
    "amount": "amount",
    "balance": "balance",
    "settle_delay": "settle_delay",
    "expiration": "expiration",
    "cancel_after": "cancel_after",
}


def read_answer(answer: object, xrpl_channel: bytes) -> XrplChannel:
    """The payment channel of this id in an answer. Raises LedgerAnswerError."""
    wanted = xrpl_channel.hex().upper()
    maps = list(_maps(answer, _DEPTH))
    validated = any(each.get("validated") is True for each in maps)
    for each in maps:
        for names in (_LEDGER_ENTRY, _ACCOUNT_CHANNELS):
            if str(each.get(names["id"], "")).upper() == wanted and names["amount"] in each:
                return _channel(each, names, validated)
    raise LedgerAnswerError(
        f"has no payment channel {wanted}: it must be a ledger's answer to ledger_entry or "
        "account_channels"
    )


def _maps(value: object, depth: int) -> Iterator[Mapping[str, Any]]:
    if depth and isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _maps(each, depth - 1)
    elif depth and isinstance(value, list):
        for each in value:
            yield from _maps(each, depth - 1)


def _channel(said: Mapping[str, Any], names: Mapping[str, str], validated: bool) -> XrplChannel:
    def text(name: str) -> str:
        found = said.get(names[name])
        if not isinstance(found, str):
            raise LedgerAnswerError(f"{names[name]}: must be text")
        return found

    def number(name: str, most: int = _MOST) -> int:
        found = said.get(names[name])
        digits = str(found) if isinstance(found, int) else found
        if not isinstance(digits, str) or not (digits.isascii() and digits.isdigit()):
            raise LedgerAnswerError(f"{names[name]}: must be a whole number")
        if len(digits) > 18 or int(digits) > most:
            raise LedgerAnswerError(f"{names[name]}: must be at most {most}")
        return int(digits)

    def time(name: str) -> int | None:
        return None if names[name] not in said else number(name, 2**32) + _RIPPLE_EPOCH

    return XrplChannel(
        text("public_key").upper(),
        text("source"),
        text("destination"),
        number("amount"),
        number("balance"),
        number("settle_delay", 2**32),
        time("expiration"),
        time("cancel_after"),
        validated,
    )


def check(claim: XrplClaim, found: XrplChannel) -> list[Check]:
    """What must be so for the claims of a channel to be worth what its IOUs owe, one by one. That
    the destination is the operator's own nobody but the operator can say."""
    left = claim.drops - found.balance
    cancelled = found.cancel_after
    return [
        Check(
            "ledger",
            found.validated,
            "validated" if found.validated else "not said to be validated: it may never have been",
        ),
        Check("key", found.public_key == claim.public_key, f"is {found.public_key}"),
        Check(
            "amount",
            found.amount >= claim.capacity,
            f"{found.amount} drops, for a capacity of {claim.capacity}",
        ),
        Check(
            "paid out",
            left >= 0,
            f"{found.balance} drops; the claim redeems {left} more"
            if left >= 0
            else f"{found.balance} drops, more than the {claim.drops} that are claimed here",
        ),
        Check(
            "settle delay",
            found.settle_delay > 0,
            f"{found.settle_delay} s: look at the ledger more often than that",
        ),
        Check(
            "closing",
            found.expiration is None,
            "nobody has asked for it"
            if found.expiration is None
            else f"asked for: it ends at {found.expiration}, redeem before that",
        ),
        Check(
            "cancelled",
            cancelled is None or cancelled > claim.expires_at,
            "never"
            if cancelled is None
            else f"at {cancelled}; the channel here expires at {claim.expires_at}",
        ),
    ]
