"""Which of several signed messages can't both be honest: the proof that whoever signed both lied.

Pure, and only about messages that verified. The rules are those of docs/protocol.md: marks never
fall, a mark stands for one number of units, a channel closes once, a run is signed once as a whole
and has one statement for an account, which says the same of the run.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from gateway.verify import Verdict
from protocol import envelope
from protocol.messages import (
    CLOSE,
    Credit,
    Iou,
    Receipt,
    Successor,
    read_credit,
    read_iou,
    read_receipt,
    read_successor,
)
from protocol.runs import Run, read_run
from protocol.statements import Statement, read_statement


@dataclass(frozen=True)
class Contradiction:
    """Two messages, by their positions among those given, and what can't be true of both."""

    first: int
    second: int
    why: str


@dataclass(frozen=True)
class _Rule:
    """How messages of a kind are read, what each is about, of which there is one truth, the orders
    in which every contradiction shows between neighbours, and what two say against each other."""

    read: Callable[[bytes], Any]
    subject: Callable[[Any], Hashable]
    orders: tuple[Callable[[Any], Any], ...]
    compare: Callable[[Any, Any], str]


@dataclass(frozen=True)
class _Said:
    position: int
    message: bytes
    value: Any


def find(messages: Sequence[bytes], verdicts: Sequence[Verdict]) -> list[Contradiction]:
    """What contradicts what among these messages: at least one pair for each lie, not each pair
    that shows it. Those that did not verify prove nothing."""
    groups: dict[tuple[str, str, Hashable], list[_Said]] = {}
    for position, (message, verdict) in enumerate(zip(messages, verdicts, strict=True)):
        rule = _RULES.get(verdict.kind)
        if rule is None or not verdict.ok:
            continue
        value = rule.read(envelope.parse_sign1("iou", message).payload)
        key = verdict.signer, verdict.kind, rule.subject(value)
        groups.setdefault(key, []).append(_Said(position, message, value))
    found: dict[tuple[int, int], str] = {}
    for (signer, kind, subject), group in groups.items():
        _compare_all(_pairs(_RULES[kind], group), _RULES[kind].compare, found)
        if kind == "run":
            stated = [
                each
                for other, members in groups.items()
                if other[:2] == (signer, "statement") and members[0].value.run == subject
                for each in members
            ]
            _compare_all(((group[0], each) for each in stated), _run_and_statement, found)
    return [Contradiction(*pair, found[pair]) for pair in sorted(found)]


def _compare_all(
    pairs: Iterator[tuple[_Said, _Said]],
    compare: Callable[[Any, Any], str],
    found: dict[tuple[int, int], str],
) -> None:
    for one, other in pairs:
        why = "" if one.message == other.message else compare(one.value, other.value)
        if why:
            pair = min(one.position, other.position), max(one.position, other.position)
            found.setdefault(pair, why)


def _pairs(rule: _Rule, group: list[_Said]) -> Iterator[tuple[_Said, _Said]]:
    # A sequence that falls anywhere falls between two neighbours: not all pairs need be looked at.
    for order in rule.orders:
        yield from pairwise(_sorted(group, order))
    if rule.read is read_receipt:
        closes = [each for each in group if each.value.event == CLOSE]
        yield from ((close, each) for close in closes for each in group if each is not close)


def _sorted(group: list[_Said], order: Callable[[Any], Any]) -> list[_Said]:
    return sorted(group, key=lambda each: order(each.value))


def _marks(one: Iou | Credit | Receipt, other: Iou | Credit | Receipt) -> str:
    """What two marks of one channel say against each other, whichever came first."""
    low, high = sorted((one, other), key=lambda mark: mark.amount)
    if low.amount == high.amount and low.units != high.units:
        return f"{low.amount} stands for {one.units} units, and for {other.units}"
    if low.units > high.units:
        return f"{high.amount} for {high.units} units, and {low.amount} for {low.units}"
    return ""


def _receipts(one: Receipt, other: Receipt) -> str:
    first, second = sorted((one, other), key=lambda each: each.time)
    if first.event == second.event == CLOSE:
        return "one channel, closed twice"
    if first.time < second.time and second.amount < first.amount:
        return f"the mark fell from {first.amount} to {second.amount}"
    if first.event == CLOSE and first.time < second.time and second.amount > first.amount:
        return f"the mark rose to {second.amount} after the close at {first.amount}"
    return _marks(first, second)


def _statements(one: Statement, _other: Statement) -> str:
    return f"two statements of run {one.run} for {one.account}"


def _runs(one: Run, _other: Run) -> str:
    return f"two accounts of run {one.run} as a whole"


def _successors(one: Successor, other: Successor) -> str:
    return "" if one.key == other.key else "one key, followed by two"


def _run_and_statement(run: Run, statement: Statement) -> str:
    for name in ("currency", "scale", "period_start", "period_end", "journal_head"):
        if getattr(run, name) != getattr(statement, name):
            return f"two of the {name} of run {run.run}"
    return ""


def _by_amount(mark: Iou | Credit | Receipt) -> tuple[int, int]:
    return mark.amount, mark.units


def _channel(mark: Iou | Credit | Receipt) -> bytes:
    return mark.channel


_RULES: dict[str, _Rule] = {
    "iou": _Rule(read_iou, _channel, (_by_amount,), _marks),
    "credit": _Rule(read_credit, _channel, (_by_amount,), _marks),
    "receipt": _Rule(
        read_receipt, _channel, (_by_amount, lambda each: (each.time, each.amount)), _receipts
    ),
    "statement": _Rule(
        read_statement, lambda each: (each.run, each.account), (lambda _: 0,), _statements
    ),
    "run": _Rule(read_run, lambda each: each.run, (lambda _: 0,), _runs),
    "successor": _Rule(read_successor, lambda _: b"", (lambda each: each.key,), _successors),
}
