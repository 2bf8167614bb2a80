"""Which of several signed messages can't both be honest: the proof that whoever signed both lied.

Pure, and only about messages that verified. The rules are those of docs/protocol.md: marks never
fall, a mark stands for one number of units, a channel closes once, a run has one statement for an
account.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from gateway.verify import Verdict
from protocol import envelope
from protocol.messages import CLOSE, Credit, Iou, Receipt, read_credit, read_iou, read_receipt
from protocol.statements import Statement, read_statement


@dataclass(frozen=True)
class Contradiction:
    """Two messages, by their positions among those given, and what can't be true of both."""

    first: int
    second: int
    why: str


def find(messages: Sequence[bytes], verdicts: Sequence[Verdict]) -> list[Contradiction]:
    """All contradictions among these messages. Those that did not verify prove nothing."""
    found = []
    for first, second in combinations(range(len(messages)), 2):
        one, other = verdicts[first], verdicts[second]
        if not (one.ok and other.ok) or (one.kind, one.signer) != (other.kind, other.signer):
            continue
        compare = _COMPARE.get(one.kind)
        why = (
            ""
            if compare is None
            else compare(_payload(messages[first]), _payload(messages[second]))
        )
        if why:
            found.append(Contradiction(first, second, why))
    return found


def _payload(message: bytes) -> bytes:
    return envelope.parse_sign1("iou", message).payload


def _marks(one: Iou | Credit | Receipt, other: Iou | Credit | Receipt) -> str:
    """What two marks of one channel say against each other, whichever came first."""
    if one.channel != other.channel:
        return ""
    low, high = sorted((one, other), key=lambda mark: mark.amount)
    if low.amount == high.amount and low.units != high.units:
        return f"{low.amount} stands for {one.units} units, and for {other.units}"
    if low.units > high.units:
        return f"{high.amount} for {high.units} units, and {low.amount} for {low.units}"
    return ""


def _ious(one: bytes, other: bytes) -> str:
    return _marks(read_iou(one), read_iou(other))


def _credits(one: bytes, other: bytes) -> str:
    return _marks(read_credit(one), read_credit(other))


def _receipts(one: bytes, other: bytes) -> str:
    first, second = sorted((read_receipt(one), read_receipt(other)), key=lambda each: each.time)
    if first.channel != second.channel:
        return ""
    if first.event == second.event == CLOSE and one != other:
        return "one channel, closed twice"
    if first.time < second.time and second.amount < first.amount:
        return f"the mark fell from {first.amount} to {second.amount}"
    if first.event == CLOSE and first.time < second.time and second.amount > first.amount:
        return f"the mark rose to {second.amount} after the close at {first.amount}"
    return _marks(first, second)


def _statements(one: bytes, other: bytes) -> str:
    first: Statement = read_statement(one)
    second: Statement = read_statement(other)
    if (first.run, first.account) != (second.run, second.account) or one == other:
        return ""
    return f"two statements of run {first.run} for {first.account}"


_COMPARE: dict[str, Callable[[bytes, bytes], str]] = {
    "iou": _ious,
    "credit": _credits,
    "receipt": _receipts,
    "statement": _statements,
}
