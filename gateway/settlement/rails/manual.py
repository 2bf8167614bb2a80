"""The manual rail: a CSV file for people to act on, and a CSV file of what came of it.

Files are written whole or not at all. What an outcome does to the books is in
`gateway.settlement.instructions`.
"""

import csv
import io
import os
import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.settlement.rails import Instruction

HEADER = ("instruction", "run", "account", "name", "direction", "amount", "currency")
OUTCOME_HEADER = ("instruction", "outcome", "note")


class OutcomesError(ValueError):
    """A file of outcomes that can't be read; the text names the line and what would be right."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one instruction: `done` or `failed`, with a note for people."""

    instruction_id: str
    outcome: str
    note: str


def decimal(amount: int, scale: int) -> str:
    """Atomic units as an exact decimal, for example 1234567 at scale 6 as "1.234567"."""
    sign = "-" if amount < 0 else ""
    digits = str(abs(amount)).rjust(scale + 1, "0")
    return sign + (f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits)


def safe_cell(text: str) -> str:
    """`text` as a spreadsheet takes it for text, never for a formula."""
    # Some take full-width signs for plain ones; NFKC does so too.
    start = unicodedata.normalize("NFKC", text[:1])
    return "'" + text if start in ("=", "+", "-", "@", "\t", "\r", "\n") else text


def unsafe_cell(cell: str) -> str:
    """The text that `safe_cell` made this cell of."""
    return cell[1:] if cell[:1] == "'" and safe_cell(cell[1:]) == cell else cell


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there completely or not at all, even if power fails.

    Raises OSError.
    """
    # A name of its own: two operators may write the same file at once, with the same content.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class ManualRail:
    """Writes each run's instructions to `run-<number>.csv` in one folder."""

    name = "manual"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, run: int) -> Path:
        """The file of a run."""
        return self._folder / f"run-{run}.csv"

    def submit(self, run: int, instructions: Sequence[Instruction]) -> None:
        """Write the run's file; the same instructions give the same file, byte for byte."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.path(run), instructions_csv(instructions).encode())


def instructions_csv(instructions: Sequence[Instruction]) -> str:
    """Instructions as CSV text, by id."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADER)
    for each in sorted(instructions, key=lambda instruction: instruction.id):
        writer.writerow(
            (
                safe_cell(each.id),
                each.run,
                safe_cell(each.account_id),
                safe_cell(each.account_name),
                each.direction,
                decimal(each.amount, each.scale),
                each.currency,
            )
        )
    return out.getvalue()


def read_outcomes(text: str) -> Iterator[Outcome]:
    """The outcomes of a CSV text with the columns instruction, outcome and note.

    Raises OutcomesError with the line number; lines before it have been yielded, so read all of
    it before acting on any.
    """
    reader = csv.reader(io.StringIO(text), strict=True)
    expected = ",".join(OUTCOME_HEADER)
    seen: set[str] = set()
    try:
        if tuple(next(reader, ())) != OUTCOME_HEADER:
            raise OutcomesError(f"line 1: the header must be {expected}")
        for row in reader:
            line = reader.line_num
            if not row:
                continue
            if len(row) != len(OUTCOME_HEADER):
                raise OutcomesError(f"line {line}: must have 3 cells, {expected}")
            instruction_id, outcome, note = row
            if outcome not in ("done", "failed"):
                raise OutcomesError(f"line {line}: outcome must be done or failed, not {outcome!r}")
            if not instruction_id or instruction_id in seen:
                raise OutcomesError(f"line {line}: instruction must be named, once")
            if "\0" in instruction_id or "\0" in note:
                raise OutcomesError(f"line {line}: must hold no character U+0000")
            seen.add(instruction_id)
            yield Outcome(instruction_id, outcome, note)
    except csv.Error as error:
        raise OutcomesError(f"line {reader.line_num}: not CSV, {error}") from error
