"""Checks signed messages offline: which signature holds, and what that proves.

No database, no network, no clock, only the protocol and libsodium: whoever runs it need not trust
the gateway or the program that wrote the message.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.keys import following, verify
from protocol import cbor, envelope, xrpl
from protocol.errors import AuthenticationError, ProtocolError, WireError
from protocol.evidence import OPENING_KINDS
from protocol.fields import array, octets
from protocol.legs import Leg, read_leg
from protocol.messages import (
    RECEIPT_EVENTS,
    Iou,
    Terms,
    read_close,
    read_credit,
    read_iou,
    read_offer,
    read_opened,
    read_receipt,
    read_successor,
    read_terms,
)
from protocol.pricing import METERED, Tariff, first_price
from protocol.runs import check_in_run, read_proof, read_run
from protocol.statements import Statement, check_lines, net, read_statement
from protocol.topups import read_topup

KINDS = (
    *("open", "mirror", "iou", "close", "offer", "opened", "receipt", "credit", "successor"),
    *("statement", "run", "topup", "leg"),
)
"""The kinds that are signed; all others prove nothing to a third party."""

MAX_LINES = 512 * 1024 * 1024
"""The longest file of a statement's lines, in bytes."""
MAX_PROOF = 8 * 1024
"""The longest file that proves a statement to be in its run: a message, and 64 hashes at most."""


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
    """What messages are checked against: a key that was given, the terms found among the files, the
    `successor` messages among them, what payers topped their channels up to and the legs that they
    signed, by channel id."""

    key: bytes | None = None
    terms: tuple[Terms, ...] = ()
    successors: tuple[bytes, ...] = ()
    capacities: Mapping[bytes, int] = field(default_factory=dict)
    legs: Mapping[bytes, Sequence[Leg]] = field(default_factory=dict)

    def channel(self, channel_id: bytes) -> Terms | None:
        """The terms of a channel, if they are among the files."""
        for each in self.terms:
            if each.channel_id() == channel_id:
                return each
        return None


def price_in_words(tariff: Tariff) -> str:
    """A tariff's price in atomic units, as its payer or its gateway signed it."""
    words = f"{tariff.numerator}/{tariff.denominator} atomic units per {tariff.unit}"
    if tariff.session_fee:
        words += f", and {tariff.session_fee} once, as session fee"
    return words


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
    """The terms in those messages that are an `open` or `mirror` with its payer's signature."""
    found = []
    for message in messages:
        for kind in OPENING_KINDS:
            try:
                terms = read_terms(envelope.parse_sign1(kind, message).payload)
                envelope.open_sign1(kind, message, terms.payer_key, verify)
            except ProtocolError:
                continue
            found.append(terms)
    return tuple(found)


def collect_successors(messages: list[bytes]) -> tuple[bytes, ...]:
    """Those messages that have the form of a `successor`."""
    found = []
    for message in messages:
        try:
            read_successor(envelope.parse_sign1("successor", message).payload)
        except ProtocolError:
            continue
        found.append(message)
    return tuple(found)


@dataclass(frozen=True)
class Beside:
    """What comes with a statement: its lines, as a CBOR array of byte strings, and the proof that
    it is one of its run's."""

    lines: bytes | None = None
    proof: bytes | None = None


def collect_capacities(messages: list[bytes], terms: tuple[Terms, ...]) -> dict[bytes, int]:
    """The greatest capacity that the payer of each of these terms has signed a top-up for, among
    these messages."""
    payers = {each.channel_id(): each.payer_key for each in terms}
    found: dict[bytes, int] = {}
    for message in messages:
        try:
            topup = read_topup(envelope.parse_sign1("topup", message).payload)
            if topup.channel in payers:
                envelope.open_sign1("topup", message, payers[topup.channel], verify)
                found[topup.channel] = max(topup.capacity, found.get(topup.channel, 0))
        except ProtocolError:
            continue
    return found


def collect_legs(messages: list[bytes], terms: tuple[Terms, ...]) -> dict[bytes, list[Leg]]:
    """The legs among these messages that the payer of their channel's terms has signed."""
    payers = {each.channel_id(): each.payer_key for each in terms}
    found: dict[bytes, list[Leg]] = {}
    for message in messages:
        try:
            leg = read_leg(envelope.parse_sign1("leg", message).payload)
            if leg.channel in payers:
                envelope.open_sign1("leg", message, payers[leg.channel], verify)
                found.setdefault(leg.channel, []).append(leg)
        except ProtocolError:
            continue
    return found


def _is_asked(iou: Iou, terms: Terms, legs: Sequence[Leg]) -> bool:
    """Whether the terms, or one of these legs of the channel, ask this amount for these units. Of
    two legs of one number only one was ever taken; which, the IOUs beyond it show."""
    asked = [first_price(terms.tariff)]
    asked += [leg.price(terms) for leg in legs if leg.units < iou.units]
    return any(price.amount_of(iou.units) == iou.amount for price in asked)


def check(message: bytes, known: Known, beside: Beside | None = None) -> Verdict:
    """What a message proves, checked against what is known, and with what comes beside it. Never
    raises for bad input: the verdict says what is wrong."""
    try:
        kind = kind_of(message)
    except ProtocolError as error:
        return Verdict("unknown", False, error=str(error))
    verdict = _checked(kind, message, known, beside or Beside())
    if kind in _SAME_FORM and not verdict.ok:
        # Only the signature tells them apart.
        other = _checked(_SAME_FORM[kind], message, known, beside or Beside())
        if other.ok:
            return other
    return verdict


def _checked(kind: str, message: bytes, known: Known, beside: Beside) -> Verdict:
    verdict = Verdict(kind, False)
    try:
        _CHECKS[kind](message, known, verdict)
        if beside.lines is not None:
            _check_lines(message, beside.lines, verdict)
        if beside.proof is not None:
            _check_proof(message, beside.proof, verdict)
    except ProtocolError as error:
        verdict.error = str(error)
        verdict.proves = []
        return verdict
    if "follows_key" in verdict.facts:
        verdict.proves.append(
            f"The signer's key follows {verdict.facts['follows_key']} by the word of each key in "
            "between."
        )
    if known.key is None:
        verdict.does_not_prove.append(
            f"Whose key {verdict.signer} is: it was taken from these files, compare it."
        )
    verdict.ok = True
    return verdict


def read_lines(lines: bytes) -> list[bytes]:
    """The encoded lines of a statement. Raises WireError."""
    if len(lines) > MAX_LINES:
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


def _by_gateway(kind: str, message: bytes, key: bytes, known: Known, verdict: Verdict) -> None:
    """That this key of the gateway's signed it, or one that the files prove to follow it."""
    try:
        _signed(kind, message, key, verdict)
        return
    except AuthenticationError as error:
        line = following(key, known.successors)
        for later in line[1:]:
            try:
                _signed(kind, message, later, verdict)
            except AuthenticationError:
                continue
            verdict.facts["follows_key"] = key.hex()
            return
        verdict.signer = key.hex()
        raise error


def _open(message: bytes, known: Known, verdict: Verdict) -> None:
    terms = read_terms(envelope.parse_sign1(verdict.kind, message).payload)
    _signed(verdict.kind, message, terms.payer_key, verdict)
    if known.key is not None and known.key != terms.payer_key:
        raise WireError("key", "the payer of these terms is another key")
    tariff = terms.tariff
    verdict.facts = {
        "channel": terms.channel_id().hex(),
        "payer": terms.payer_key.hex(),
        "payee": terms.payee_key.hex(),
        "gateway": terms.gateway_key.hex(),
        "price": price_in_words(tariff),
        "currency": f"{tariff.currency}, scale {tariff.scale}",
        "capacity": terms.capacity,
        "expiry": terms.expiry,
    }
    if terms.xrpl_channel:
        verdict.facts["xrpl_channel"] = terms.xrpl_channel.hex().upper()
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
        if iou.xrpl_claim:
            verdict.does_not_prove.append("That the XRPL claim in it holds: that takes the `open`.")
        return
    if terms.payer_key != key:
        raise WireError("key", "the payer of this channel is another key")
    capacity = max(terms.capacity, known.capacities.get(iou.channel, 0))
    if iou.amount > capacity:
        raise WireError(
            "iou.amount", f"more than the capacity {capacity}: binds nobody without a top-up"
        )
    legs = known.legs.get(iou.channel, ())
    if terms.tariff.pricing == METERED and not _is_asked(iou, terms, legs):
        raise WireError(
            "iou.amount", "not what the tariff, or a leg given, asks for these units: binds nobody"
        )
    verdict.facts["currency"] = f"{terms.tariff.currency}, scale {terms.tariff.scale}"
    asked = "terms, or its legs, ask" if legs else "terms ask"
    verdict.proves.append(f"The amount is what the channel's {asked}, and within its capacity.")
    xrpl.check_claim(terms, iou, verify)
    if terms.xrpl_channel:
        verdict.facts["xrpl_channel"] = terms.xrpl_channel.hex().upper()
        verdict.proves.append("With it the payer claims as many drops on that XRPL channel.")


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


def _topup(message: bytes, known: Known, verdict: Verdict) -> None:
    topup = read_topup(envelope.parse_sign1("topup", message).payload)
    terms = known.channel(topup.channel)
    verdict.facts = {"channel": topup.channel.hex(), "capacity": topup.capacity}
    key = _key(known, None if terms is None else terms.payer_key, "the payer's public key")
    _signed("topup", message, key, verdict)
    if terms is not None and terms.payer_key != key:
        raise WireError("key", "the payer of this channel is another key")
    verdict.proves = [
        f"The payer agreed to owe up to {topup.capacity} atomic units in all on this channel."
    ]
    verdict.does_not_prove = ["That anything is owed: for that, see an IOU of this channel."]


def _leg(message: bytes, known: Known, verdict: Verdict) -> None:
    leg = read_leg(envelope.parse_sign1("leg", message).payload)
    terms = known.channel(leg.channel)
    tariff = leg.tariff
    price = price_in_words(tariff)
    key = _key(known, None if terms is None else terms.payer_key, "the payer's public key")
    _signed("leg", message, key, verdict)
    if terms is not None and terms.payer_key != key:
        raise WireError("key", "the payer of this channel is another key")
    if leg.last_iou:
        inner = Verdict("iou", False)
        _iou(leg.last_iou, known, inner)
        verdict.facts.update(inner.facts)
        verdict.proves += inner.proves
    verdict.facts |= {"channel": leg.channel.hex(), "leg": leg.number, "price": price}
    verdict.proves.append(f"The payer agreed to {price} for what is beyond {leg.units} units.")
    verdict.does_not_prove = [
        "That the gateway took it: IOUs for more units, by this price, show that."
    ]


def _offer(message: bytes, known: Known, verdict: Verdict) -> None:
    offer = read_offer(envelope.parse_sign1("offer", message).payload)
    tariff = offer.tariff
    _signed("offer", message, offer.gateway_key, verdict)
    if known.key is not None and offer.gateway_key not in following(known.key, known.successors):
        raise WireError("key", "the gateway of this offer is another key")
    verdict.facts = {
        "gateway": offer.gateway_key.hex(),
        "price": price_in_words(tariff),
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
    _by_gateway("opened", message, _gateway_key(known, opened.channel), known, verdict)
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
    _by_gateway("receipt", message, _gateway_key(known, receipt.channel), known, verdict)
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
    _by_gateway("credit", message, _gateway_key(known, credit.channel), known, verdict)
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
    _by_gateway("statement", message, _only_gateway(known), known, verdict)
    verdict.proves = [
        f"The gateway stated in run {said.run} that {said.account} owed {said.debits} and earned "
        f"{said.credits} atomic units, by {said.line_count} lines that it can't change any more."
    ]
    if said.totals is not None:
        verdict.facts |= {"net": net(said)} | vars(said.totals)
        verdict.proves.append(
            "Its totals add up; a number that is negative is owed to the account."
        )
    verdict.does_not_prove = [
        "Which channels these are: give the lines (--lines FILE).",
        "That others were told of the same run: give the proof that it is in it (--proof FILE).",
        "That each line is owed: its last IOU proves that.",
        "That money has moved: that is the rail's to say.",
    ]


def _run(message: bytes, known: Known, verdict: Verdict) -> None:
    said = read_run(envelope.parse_sign1("run", message).payload)
    verdict.facts = {
        "run": said.run,
        "currency": f"{said.currency}, scale {said.scale}",
        "period_start": said.period_start,
        "period_end": said.period_end,
        "statements": said.count,
        "statements_root": said.statements_root.hex(),
        "journal_head": said.journal_head.hex(),
    }
    _by_gateway("run", message, _only_gateway(known), known, verdict)
    verdict.proves = [
        f"The gateway committed run {said.run} to {said.count} statements that it can't change any "
        "more, and to its journal as it then was."
    ]
    verdict.does_not_prove = [
        "What the statements say: see one of them with its proof, as an evidence bundle has it.",
        "That money has moved: that is the rail's to say.",
    ]


def _successor(message: bytes, known: Known, verdict: Verdict) -> None:
    said = read_successor(envelope.parse_sign1("successor", message).payload)
    verdict.facts = {"key": said.key.hex(), "time": said.time}
    _by_gateway("successor", message, _only_gateway(known), known, verdict)
    verdict.proves = [f"The gateway's key is followed by {said.key.hex()}."]
    verdict.does_not_prove = ["That the key was not stolen before it was followed."]


def _only_gateway(known: Known) -> bytes:
    """The key of a gateway that no channel is named by: that of all terms given, if it is one, or
    the one that the others follow."""
    keys = {terms.gateway_key for terms in known.terms}
    first = [key for key in keys if keys.issubset(following(key, known.successors))]
    found = first[0] if len(first) == 1 else None
    return _key(known, found, "the gateway's public key")


def _check_lines(message: bytes, lines: bytes, verdict: Verdict) -> None:
    check_lines(_stated(message, "lines", verdict), read_lines(lines))
    verdict.proves.append("The lines given are exactly those, and they add up to its totals.")
    verdict.does_not_prove = [each for each in verdict.does_not_prove if "--lines" not in each]


def _check_proof(message: bytes, proof: bytes, verdict: Verdict) -> None:
    said = _stated(message, "proof", verdict)
    if len(proof) > MAX_PROOF:
        raise WireError("proof", "longer than 8 KiB")
    given = read_proof(proof)
    signer = bytes.fromhex(verdict.signer)
    run = read_run(envelope.open_sign1("run", given.run, signer, verify))
    check_in_run(said, message, run, given.index, given.path)
    verdict.facts["statements_root"] = run.statements_root.hex()
    verdict.proves.append(
        f"It is one of the {run.count} statements of run {run.run}, all under one signed root: "
        "whoever was shown another root for this run can prove that the gateway lied."
    )
    verdict.does_not_prove = [each for each in verdict.does_not_prove if "--proof" not in each]


def _stated(message: bytes, what: str, verdict: Verdict) -> Statement:
    if verdict.kind != "statement":
        raise WireError(what, f"only a statement has {what}, this is: {verdict.kind}")
    return read_statement(envelope.parse_sign1("statement", message).payload)


_SAME_FORM = {"iou": "credit", "open": "mirror", "successor": "topup"}
"""Kinds whose payloads have the form of another's."""

_READERS: dict[str, Callable[[bytes], object]] = {
    "open": read_terms,
    "iou": read_iou,
    "statement": read_statement,
    "offer": read_offer,
    "opened": read_opened,
    "receipt": read_receipt,
    "close": read_close,
    "run": read_run,
    "successor": read_successor,
    "topup": read_topup,
    "leg": read_leg,
}
# Distinct by their keys and types, save for a credit, which looks like an IOU without a chain, a
# mirror, which looks like an open, and a top-up, which looks like a successor.

_CHECKS: dict[str, Callable[[bytes, Known, Verdict], None]] = {
    "open": _open,
    "mirror": _open,
    "iou": _iou,
    "close": _close,
    "offer": _offer,
    "opened": _opened,
    "receipt": _receipt,
    "credit": _credit,
    "statement": _statement,
    "run": _run,
    "successor": _successor,
    "topup": _topup,
    "leg": _leg,
}
