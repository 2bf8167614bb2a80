"""What messages to the bank and their parts are called, and back from that to instructions.

Needs none of the extra's packages: answers are read where files are not written.
"""

import re
from dataclasses import dataclass

from gateway.settlement.rails import COLLECT, PAY, reference_of

_NAME = re.compile(
    rf"(?:run-([0-9]{{1,18}})|(withdrawal-[0-9]{{1,18}}))-({COLLECT}|{PAY})(?:-(frst|rcur))?"
)


@dataclass(frozen=True, slots=True)
class Part:
    """Which instructions a name stands for: those of a run, or the one of a withdrawal, in one
    direction; with a `sequence` only debits of that type."""

    run: int | None
    withdrawal: str | None
    direction: str
    sequence: str | None


def message_name(batch: str, direction: str) -> str:
    """The MsgId of a batch's file in one direction."""
    return reference_of(f"{batch}-{direction}")


def part_name(message: str, sequence: str) -> str:
    """The PmtInfId of a message's debits of one sequence type."""
    return reference_of(f"{message}-{sequence.lower()}")


def part_of(name: str) -> Part | None:
    """What a MsgId or PmtInfId stands for; None if it is none of ours."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    run = None if match[1] is None else int(match[1])
    return Part(run, match[2], match[3], match[4] and match[4].upper())
