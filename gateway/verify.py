"""Checks signed messages offline: which signature holds, and what that proves.

No database, no network, no clock, only the protocol and libsodium: whoever runs it need not trust
the gateway or the program that wrote the message.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.keys import verify
from protocol import cbor, envelope
from protocol.errors import ProtocolError, WireError
from protocol.fields import array, octets
from protocol.messages import (
    RECEIPT_EVENTS,
    Terms,
    read_close,
    read_credit,
    read_iou,
    read_offer,
    read_opened,
    read_receipt,
    read_terms,
)
from protocol.pricing import METERED
from protocol.statements import check_lines, read_statement

KINDS = ("open", "iou", "close", "offer", "opened", "receipt", "credit", "statement")
"""The kinds that are signed; all others prove nothing to a third party."""

_MAX_LINES = 512 * 1024 * 1024


@dataclass
class Verdict:
    """What came of one message: whether it verifies, and in words what that proves or lacks."""

    kind: str
    ok: bool
    signer: str = ""
    facts: dict[str, str | int] = field(default_factory=dict)
    proves: list[str] = field(default_factory=list)
    does_not_prove: list[str] = field(default_factory=list)
    error: str = ""


@dataclass(frozen=True)
class Known:
    """What messages are checked against: a key that was given, the terms found among the files."""

    key: bytes | None = None
    terms: tuple[Terms, ...] = ()

    def channel(self, channel_id: bytes) -> Terms | None:
        """The terms of a channel, if they are among the files."""
        for each in self.terms:
            if each.channel_id() == channel_id:
                return each
        return None


def kind_of(message: bytes) -> str:
    """The kind that a signed message's payload has the form of. Raises WireError."""
    payload = envelope.parse_sign1("iou", message).payload
    for kind, read in _READERS.items():
        try:
            read(payload)
        except ProtocolError:
            continue
        return kind
    raise WireError("message", "its payload is of no signed kind: " + ", ".join(KINDS))


def collect_terms(messages: list[bytes]) -> tuple[Terms, ...]:
    """The terms in those messages that are an `open` with its payer's signature."""
    found = []
    for message in messages:
        try:
            payload = envelope.parse_sign1("open", message).payload
            terms = read_terms(payload)
            envelope.open_sign1("open", message, terms.payer_key, verify)
        except ProtocolError:
            continue
        found.append(terms)
    return tuple(found)


def check(message: bytes, known: Known, lines: bytes | None = None) -> Verdict:
    """What a message proves, checked against what is known; `lines` are a statement's, as a CBOR
    array of byte strings. Never raises for bad input: the verdict says what is wrong."""
    try:
        kind = kind_of(message)
    except ProtocolError as error:
        return Verdict("unknown", False, error=str(error))
    verdict = _checked(kind, message, known, lines)
    if kind == "iou" and not verdict.ok:
        # A credit has the form of an IOU: only the signature tells them apart.
        credit = _checked("credit", message, known, lines)
        if credit.ok:
            return credit
    return verdict


def _checked(kind: str, message: bytes, known: Known, lines: bytes | None) -> Verdict:
    verdict = Verdict(kind, False)
    try:
        _CHECKS[kind](message, known, verdict)
        if lines is not None:
            _check_lines(message, lines, verdict)
    except ProtocolError as error:
        verdict.error = str(error)
        verdict.proves = []
        return verdict
    if known.key is None:
        verdict.does_not_prove.append(
            f"Whose key {verdict.signer} is: it was taken from these files, compare it."
        )
    verdict.ok = True
    return verdict


def read_lines(lines: bytes) -> list[bytes]:
    """The encoded lines of a statement. Raises WireError."""
    if len(lines) > _MAX_LINES:
        raise WireError("lines", "longer than 512 MiB")
    return [octets(each, "lines") for each in array(cbor.decode(lines), "lines")]


def _key(known: Known, found: bytes | None, whose: str) -> bytes:
    if known.key is not None:
        return known.key
    if found is not None:
        return found
    raise WireError(
        "key", f"give {whose} (--key HEX), or the channel's `open` message beside this one"
    )


def _signed(kind: str, message: bytes, key: bytes, verdict: Verdict) -> bytes:
    verdict.signer = key.hex()
    return envelope.open_sign1(kind, message, key, verify)


def _open(message: bytes, known: Known, verdict: Verdict) -> None:
    terms = read_terms(envelope.parse_sign1("open", message).payload)
    _signed("open", message, terms.payer_key, verdict)
    if known.key is not None and known.key != terms.payer_key:
        raise WireError("key", "the payer of these terms is another key")
    tariff = terms.tariff
    verdict.facts = {
        "channel": terms.channel_id().hex(),
        "payer": terms.payer_key.hex(),
        "payee": terms.payee_key.hex(),
        "gateway": terms.gateway_key.hex(),
        "price": f"{tariff.numerator}/{tariff.denominator} atomic units per {tariff.unit}",
        "currency": f"{tariff.currency}, scale {tariff.scale}",
        "capacity": terms.capacity,
        "expiry": terms.expiry,
    }
    verdict.proves = [
        "The holder of the payer's key agreed to these terms: the tariff, the capacity, the expiry."
    ]
    verdict.does_not_prove = [
        "That anything is owed: for that, see an IOU of this channel.",
        "That the gateway accepted the channel: for that, see `opened`.",
        "To whom the payer's key belongs: compare it with the device's registration.",
    ]


def _iou(message: bytes, known: Known, verdict: Verdict) -> None:
    iou = read_iou(envelope.parse_sign1("iou", message).payload)
    terms = known.channel(iou.channel)
    verdict.facts = {"channel": iou.channel.hex(), "amount": iou.amount, "units": iou.units}
    key = _key(known, None if terms is None else terms.payer_key, "the payer's public key")
    _signed("iou", message, key, verdict)
    verdict.proves = [
        f"The payer owes {iou.amount} atomic units in all for {iou.units} units in all."
    ]
    verdict.does_not_prove = [
        "That this is the last IOU: a later one of this channel contains it, they never add up."
    ]
    if terms is None:
        verdict.does_not_prove.append(
            "What the amount is worth, and that it fits the terms: no `open` of this channel given."
        )
        return
    if terms.payer_key != key:
        raise WireError("key", "the payer of this channel is another key")
    if iou.amount > terms.capacity:
        raise WireError("iou.amount", f"more than the capacity {terms.capacity}: binds nobody")
    if terms.tariff.pricing == METERED and iou.amount != terms.tariff.amount(iou.units):
        raise WireError("iou.amount", "not what the tariff asks for these units: binds nobody")
    verdict.facts["currency"] = f"{terms.tariff.currency}, scale {terms.tariff.scale}"
    verdict.proves.append("The amount is what the channel's terms ask, and within its capacity.")


def _close(message: bytes, known: Known, verdict: Verdict) -> None:
    close = read_close(envelope.parse_sign1("close", message).payload)
    terms = known.channel(close.channel)
    verdict.facts = {"channel": close.channel.hex()}
    key = _key(known, None if terms is None else terms.payer_key, "the payer's public key")
    _signed("close", message, key, verdict)
    verdict.proves = ["The payer asked to end this channel."]
    if close.last_iou:
        inner = Verdict("iou", False)
        _iou(close.last_iou, known, inner)
        verdict.facts.update(inner.facts)
        verdict.proves += inner.proves
    verdict.does_not_prove = ["That the gateway closed it: for that, see a receipt of the close."]


def _offer(message: bytes, known: Known, verdict: Verdict) -> None:
    offer = read_offer(envelope.parse_sign1("offer", message).payload)
    tariff = offer.tariff
    _signed("offer", message, offer.gateway_key, verdict)
    if known.key is not None and known.key != offer.gateway_key:
        raise WireError("key", "the gateway of this offer is another key")
    verdict.facts = {
        "gateway": offer.gateway_key.hex(),
        "price": f"{tariff.numerator}/{tariff.denominator} atomic units per {tariff.unit}",
        "currency": f"{tariff.currency}, scale {tariff.scale}",
        "max_capacity": offer.max_capacity,
        "window": offer.window,
        "time": offer.time,
    }
    verdict.proves = ["The gateway offered this price at this time (by its own clock)."]
    verdict.does_not_prove = ["That anybody accepted: for that, see `open` and `opened`."]


def _gateway_key(known: Known, channel: bytes) -> bytes:
    terms = known.channel(channel)
    return _key(known, None if terms is None else terms.gateway_key, "the gateway's public key")


def _opened(message: bytes, known: Known, verdict: Verdict) -> None:
    opened = read_opened(envelope.parse_sign1("opened", message).payload)
    verdict.facts = {"channel": opened.channel.hex(), "opened_at": opened.opened_at}
    _signed("opened", message, _gateway_key(known, opened.channel), verdict)
    verdict.proves = ["The gateway accepted the terms that this channel's id is the hash of."]
    verdict.does_not_prove = ["That the channel is still open, or that anything is owed on it."]


def _receipt(message: bytes, known: Known, verdict: Verdict) -> None:
    receipt = read_receipt(envelope.parse_sign1("receipt", message).payload)
    verdict.facts = {
        "channel": receipt.channel.hex(),
        "amount": receipt.amount,
        "units": receipt.units,
        "event": RECEIPT_EVENTS[receipt.event],
        "time": receipt.time,
        "run": receipt.run,
    }
    _signed("receipt", message, _gateway_key(known, receipt.channel), verdict)
    verdict.proves = [
        f"The gateway says that {receipt.amount} atomic units for {receipt.units} units were its "
        f"mark at this {RECEIPT_EVENTS[receipt.event]}: it can't claim less was accepted."
    ]
    verdict.does_not_prove = [
        "That the payer owes it: only the payer's own IOU proves that.",
        "That money has moved: that is the rail's to say.",
    ]


def _credit(message: bytes, known: Known, verdict: Verdict) -> None:
    credit = read_credit(envelope.parse_sign1("credit", message).payload)
    verdict.facts = {
        "channel": credit.channel.hex(),
        "amount": credit.amount,
        "units": credit.units,
    }
    _signed("credit", message, _gateway_key(known, credit.channel), verdict)
    verdict.proves = [f"The gateway owes the payee {credit.amount} atomic units in all."]
    verdict.does_not_prove = ["That this is the last credit: a later one contains it."]


def _statement(message: bytes, known: Known, verdict: Verdict) -> None:
    said = read_statement(envelope.parse_sign1("statement", message).payload)
    verdict.facts = {
        "run": said.run,
        "account": said.account,
        "currency": f"{said.currency}, scale {said.scale}",
        "period_start": said.period_start,
        "period_end": said.period_end,
        "debits": said.debits,
        "credits": said.credits,
        "lines": said.line_count,
        "journal_head": said.journal_head.hex(),
    }
    keys = {terms.gateway_key for terms in known.terms}
    found = keys.pop() if len(keys) == 1 else None
    _signed("statement", message, _key(known, found, "the gateway's public key"), verdict)
    verdict.proves = [
        f"The gateway stated in run {said.run} that {said.account} owed {said.debits} and earned "
        f"{said.credits} atomic units, by {said.line_count} lines that it can't change any more."
    ]
    verdict.does_not_prove = [
        "Which channels these are: give the lines (--lines FILE).",
        "That each line is owed: its last IOU proves that.",
        "That money has moved: that is the rail's to say.",
    ]


def _check_lines(message: bytes, lines: bytes, verdict: Verdict) -> None:
    if verdict.kind != "statement":
        raise WireError("lines", f"only a statement has lines, this is: {verdict.kind}")
    said = read_statement(envelope.parse_sign1("statement", message).payload)
    check_lines(said, read_lines(lines))
    verdict.proves.append("The lines given are exactly those, and they add up to its totals.")
    verdict.does_not_prove = verdict.does_not_prove[1:]


_READERS: dict[str, Callable[[bytes], object]] = {
    "open": read_terms,
    "iou": read_iou,
    "statement": read_statement,
    "offer": read_offer,
    "opened": read_opened,
    "receipt": read_receipt,
    "close": read_close,
}
# Distinct by their keys and types, save for a credit, which looks like an IOU without a chain.

_CHECKS: dict[str, Callable[[bytes, Known, Verdict], None]] = {
    "open": _open,
    "iou": _iou,
    "close": _close,
    "offer": _offer,
    "opened": _opened,
    "receipt": _receipt,
    "credit": _credit,
    "statement": _statement,
}
