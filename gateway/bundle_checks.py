"""The single checks of an evidence bundle, each by its own signatures and hashes.

As `gateway.verify`, whose discipline they keep: no database, no network, no clock, only the
protocol and libsodium. A check returns what it found, in plain words, or nothing where there was
nothing to check, and raises ProtocolError where something does not hold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.keys import verify
from gateway.verify import Verdict
from protocol import envelope, hashchain, succession, xrpl
from protocol.errors import WireError
from protocol.evidence import Bundle, Mark, Stated, check_in_statement
from protocol.legs import Leg, price_at, prices, read_leg
from protocol.messages import (
    CLOSE,
    RECEIPT_EVENTS,
    Receipt,
    Terms,
    read_close,
    read_iou,
    read_opened,
    read_receipt,
    read_tick,
)
from protocol.pricing import METERED, Price
from protocol.runs import check_in_run, read_run
from protocol.statements import (
    PAYER,
    Statement,
    StatementLine,
    mark_hash,
    net,
    read_line,
    read_statement,
)
from protocol.topups import read_topup


@dataclass(frozen=True)
class Check:
    """One thing that was checked, and what was found."""

    what: str
    ok: bool
    found: str


@dataclass
class Report:
    """What came of a bundle. `messages` are those that verified, each with its verdict, so that
    they can be held against other messages."""

    checks: list[Check] = field(default_factory=list)
    facts: dict[str, str | int] = field(default_factory=dict)
    proves: list[str] = field(default_factory=list)
    does_not_prove: list[str] = field(default_factory=list)
    messages: list[tuple[bytes, Verdict]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there is a check, and every one holds."""
        return bool(self.checks) and all(check.ok for check in self.checks)


@dataclass
class Case:
    """A bundle while it is checked: what the checks so far have found, for those that follow."""

    bundle: Bundle
    given: tuple[bytes, ...]
    report: Report
    terms: Terms
    gateway_keys: list[bytes]
    capacity: int
    prices: list[Price]
    legs: list[Leg] = field(default_factory=list)
    marks: list[tuple[int, int]] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    start: int = 0
    reached: int = 0

    @property
    def final(self) -> tuple[int, int]:
        """The last mark, which contains all others."""
        return self.marks[-1] if self.marks else (0, 0)

    @property
    def payer_keys(self) -> list[bytes]:
        """Who may have signed its marks: where the gateway pays, also its later keys."""
        return self.gateway_keys if self.said("mirror") else [self.terms.payer_key]

    def said(self, kind: str) -> list[bytes]:
        """The bundle's messages of a kind."""
        return [message for each, message in self.bundle.said if each == kind]

    def verified(self, kind: str, message: bytes, keys: Sequence[bytes]) -> bytes:
        """The payload of a message that one of these keys signed. Raises ProtocolError."""
        for key in keys:
            signed = envelope.parse_sign1(kind, message)
            if verify(key, signed.to_be_signed, signed.signature):
                self.report.messages.append((message, Verdict(kind, True, key.hex())))
                return signed.payload
        raise WireError(kind, "not signed by a key that it must be signed by")


def _keys(case: Case) -> str:
    """Those that were given are parties' keys; those that were not are named as such."""
    parties = {"the gateway's": case.gateway_keys}
    for name, key in (
        ("the payer's", case.terms.payer_key),
        ("the payee's", case.terms.payee_key),
    ):
        if key not in case.gateway_keys:
            parties[name] = [key]
    for key in case.given:
        if not any(key in keys for keys in parties.values()):
            raise WireError("key", f"{key.hex()} is no party's")
    known = [name for name, keys in parties.items() if any(key in keys for key in case.given)]
    for name, (first, *_others) in parties.items():
        if name not in known:
            case.report.does_not_prove.append(
                f"Whose key {first.hex()} is: it is {name} here, compare it."
            )
    return f"{' and '.join(known)} is as given" if known else ""


def _successors(case: Case) -> str:
    """Each key of the gateway's is followed by its own word."""
    for message in case.said("successor"):
        key = succession.next_key(case.gateway_keys, message, verify)
        case.verified("successor", message, case.gateway_keys[-1:])
        case.gateway_keys.append(key)
    count = len(case.gateway_keys)
    return f"{count} of the gateway's, each named by the one before it" if count > 1 else ""


def _opened(case: Case) -> str:
    for message in case.said("opened"):
        opened = read_opened(case.verified("opened", message, case.gateway_keys))
        _same_channel(case, opened.channel)
        case.report.facts["opened_at"] = opened.opened_at
    return "the gateway accepted the terms" if case.said("opened") else ""


def _same_channel(case: Case, channel: bytes) -> None:
    if channel != case.bundle.channel:
        raise WireError("channel_id", "a message of another channel")


def _topped_up(case: Case) -> str:
    """Each top-up is signed by the payer; the greatest is the capacity that binds."""
    for message in case.said("topup"):
        topup = read_topup(case.verified("topup", message, [case.terms.payer_key]))
        _same_channel(case, topup.channel)
        case.capacity = max(case.capacity, topup.capacity)
    return f"to {case.capacity}, signed by the payer" if case.said("topup") else ""


def _legs(case: Case) -> str:
    """Each is signed by the payer, as is the IOU where it begins, by the price before it."""
    for message in case.said("leg"):
        leg = read_leg(case.verified("leg", message, [case.terms.payer_key]))
        _same_channel(case, leg.channel)
        if leg.last_iou:
            case.verified("iou", leg.last_iou, [case.terms.payer_key])
        case.legs.append(leg)
    case.prices = prices(case.terms, case.legs)
    if not case.legs:
        return ""
    changes = [
        f"{each.tariff.numerator}/{each.tariff.denominator} beyond {each.units}"
        for each in case.legs
    ]
    return f"{', '.join(changes)} units, signed by the payer"


def _marks(case: Case) -> str:
    """Each is signed by who pays, priced by the tariff of its leg, within the capacity, and above
    the last."""
    terms = case.terms
    found: list[tuple[int, int]] = []
    for each in case.bundle.marks:
        amount, units = _marked(case, each)
        if found and (amount <= found[-1][0] or units < found[-1][1]):
            raise WireError("iou.amount", "the marks must rise")
        if amount > case.capacity:
            raise WireError("iou.amount", f"more than the capacity {case.capacity}: binds nobody")
        expected = price_at(case.prices, units).amount_of(units)
        if terms.tariff.pricing == METERED and amount != expected:
            raise WireError("iou.amount", "not what the tariff asks: binds nobody")
        found.append((amount, units))
    case.marks = found
    if not found:
        return ""
    amount, units = case.final
    price = "each an open sum"
    if terms.tariff.pricing == METERED:
        price = "each at its leg's price" if case.legs else "each at the tariff's price"
    return f"{len(found)} signed by the payer, up to {amount} for {units} units, {price}"


def _marked(case: Case, mark: Mark) -> tuple[int, int]:
    """What a mark comes to. On a mirror channel the gateway pays, and its credits are the IOUs."""
    kind = "credit" if case.said("mirror") else "iou"
    iou = read_iou(case.verified(kind, mark.message, case.payer_keys))
    _same_channel(case, iou.channel)
    xrpl.check_claim(case.terms, iou, verify)
    if not mark.tick:
        return iou.amount, iou.units
    tick = read_tick(mark.tick)
    if tick.handle != iou.channel[: len(tick.handle)]:
        raise WireError("tick.handle", "a tick of another channel")
    if tick.index > iou.chain_length:
        raise WireError("tick.index", "beyond the chain that the IOU signed")
    if not hashchain.is_tick(tick.preimage, tick.index, iou.chain_root, 0):
        raise WireError("tick.preimage", "no value of the chain that the IOU signed")
    units = iou.units + tick.index
    return price_at(case.prices, units).amount_of(units), units


def _receipts(case: Case) -> str:
    """Each is signed by the gateway, and no more than the payer signed."""
    amount, units = case.final
    for message in case.said("receipt"):
        receipt = read_receipt(case.verified("receipt", message, case.gateway_keys))
        _same_channel(case, receipt.channel)
        if receipt.amount > amount or receipt.units > units:
            raise WireError("receipt.amount", f"{receipt.amount}, which no IOU in the file covers")
        case.receipts.append(receipt)
    if not case.receipts:
        return ""
    events = [RECEIPT_EVENTS[receipt.event] for receipt in case.receipts]
    counted = ", ".join(f"{events.count(name)} of {name}" for name in dict.fromkeys(events))
    return f"{counted}, signed by the gateway, each covered by an IOU"


def _closed(case: Case) -> str:
    """What the payer asked for, and what the gateway said to it."""
    asked = 0
    for message in case.said("close"):
        asked = max(asked, _close(case, message))
    closed = [receipt for receipt in case.receipts if receipt.event == CLOSE]
    if not closed:
        return "the payer asked for it; no receipt of it is here" if case.said("close") else ""
    final = closed[-1]
    if (final.amount, final.units) != case.final:
        raise WireError("receipt.amount", "closed below the last IOU")
    return f"by the gateway at {final.amount} for {final.units} units, which is the last IOU"


def _close(case: Case, message: bytes) -> int:
    """The amount up to which a close carries an IOU."""
    close = read_close(case.verified("close", message, [case.terms.payer_key]))
    _same_channel(case, close.channel)
    if not close.last_iou:
        return 0
    return _marked(case, Mark(close.last_iou))[0]


def _settled(case: Case) -> str:
    """Each interval is a line of a signed statement of a signed run, or one for each of its legs,
    and they join each other."""
    hashes = {mark_hash(each.message, each.tick) for each in case.bundle.marks}
    hashes |= {mark_hash(each.last_iou) for each in case.legs}
    lines: list[tuple[int, int]] = []
    runs: dict[int, None] = {}
    accounts = set()
    for each in case.bundle.stated:
        said, line = _line(case, each)
        if lines and (line.from_amount, line.from_units) != lines[-1]:
            raise WireError("line.from_amount", "the intervals leave a gap or overlap")
        for end in (line.first, line.last):
            if end and end not in hashes:
                raise WireError("line.last", "names an IOU that is not in the file")
        lines.append((line.to_amount, line.to_units))
        case.start = case.start if len(lines) > 1 else line.from_amount
        runs[said.run] = None
        accounts.add((said.account, line.role))
    if not lines:
        return ""
    if len(accounts) > 1:
        raise WireError("statement.account", "the statements are of several accounts")
    case.reached = lines[-1][0]
    if case.reached > case.final[0]:
        raise WireError("line.to_amount", "more is settled than the payer signed")
    (account, role), listed = accounts.pop(), ", ".join(str(run) for run in runs)
    side = "pays" if role == PAYER else "is paid"
    return (
        f"{case.start} to {case.reached}, each interval in a statement of {account}, which {side}, "
        f"and each statement in its signed run: {listed}"
    )


def _line(case: Case, each: Stated) -> tuple[Statement, StatementLine]:
    run = read_run(case.verified("run", each.run, case.gateway_keys))
    said = read_statement(case.verified("statement", each.statement, case.gateway_keys))
    check_in_run(said, each.statement, run, each.index, each.path)
    if said.totals is not None:
        net(said)
    check_in_statement(said, each.line, each.line_index, each.line_path)
    line = read_line(each.line)
    _same_channel(case, line.channel)
    price = price_at(case.prices, line.to_units)
    if line.tariff != price.tariff.id() or line.from_units < price.units:
        raise WireError("line.tariff_id", "not the tariff of its leg")
    return said, line


def _kept(case: Case) -> str:
    """Each is what the payer signed; whether it contradicts something is for all messages."""
    for kind, message in case.bundle.kept:
        if kind == "close":
            _close(case, message)
        else:
            iou = read_iou(case.verified(kind, message, case.payer_keys))
            _same_channel(case, iou.channel)
    count = len(case.bundle.kept)
    return f"{count} signed by the payer and not taken by the gateway" if count else ""


STEPS: dict[str, Callable[[Case], str]] = {
    "gateway's keys": _successors,
    "keys": _keys,
    "opened": _opened,
    "topped up": _topped_up,
    "legs": _legs,
    "IOUs": _marks,
    "receipts": _receipts,
    "closed": _closed,
    "settled": _settled,
    "kept": _kept,
}
"""What is checked, in this order; one that finds nothing to check says nothing."""
