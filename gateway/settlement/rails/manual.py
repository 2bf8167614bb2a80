"""The manual rail: a CSV file for people to act on, and a CSV file of what came of it.

Files are written whole or not at all. What an outcome does to the books is in
`gateway.settlement.instructions`.
"""

import csv
import io
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from gateway.documents.cells import decimal, safe_cell, unsafe_cell
from gateway.settlement.rails import (
    COLLECT,
    OUTCOMES,
    PAY,
    BatchFile,
    DestinationError,
    Instruction,
    Outcome,
    RailError,
)

HEADER = ("instruction", "run", "account", "name", "direction", "amount", "currency")
OUTCOME_HEADER = ("instruction", "outcome", "note")
FILES = ("run-*.csv", "withdrawal-*.csv")
"""What the files of instructions in a folder are called."""


class OutcomesError(ValueError):
    """A file of outcomes that can't be read; the text names the line and what would be right."""


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
    """Writes each batch of instructions to `<batch>.csv` in one folder, for people to act on."""

    name = "manual"
    capabilities = frozenset({COLLECT, PAY})

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, batch: str) -> Path:
        """The file of a batch."""
        return self._folder / f"{batch}.csv"

    @property
    def record_folder(self) -> Path:
        """Where its files are."""
        return self._folder

    def quantum(self, _currency: str, _scale: int) -> int:
        """One atomic unit: people round as they see fit."""
        return 1

    def most(self, _currency: str, _scale: int) -> None:
        """Any amount."""

    def check_destination(self, details: Mapping[str, object]) -> dict[str, str]:
        """Whatever people need to know, in words of their own. Raises DestinationError."""
        checked = {}
        for field, value in details.items():
            if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value) <= 200:
                raise DestinationError(field, "must be 1 to 200 printable characters")
            checked[field] = value
        return checked

    def serves(self, _direction: str, _destination: Mapping[str, str]) -> bool:
        """Always: the file names the account, and people know where it is."""
        return True

    def submit(self, batch: str, instructions: Sequence[Instruction]) -> None:
        """Write the batch's file; the same instructions give the same file, byte for byte.

        Raises RailError if the file is there with anything else in it, and OSError.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        write_once(self.path(batch), instructions_csv(instructions).encode())

    def files(self, batch: str) -> Sequence[BatchFile]:
        """The file of a batch."""
        path = self.path(batch)
        return [BatchFile(path, "instructions")] if path.exists() else []

    def status(self, _instructions: Sequence[Instruction]) -> Sequence[Outcome]:
        """Nothing: people tell, by a file of outcomes."""
        return ()

    def handed_over(self) -> Sequence[Instruction]:
        """Every instruction in its folder's files. Raises RailError, OSError."""
        return read_folder(self._folder)


def make(data: Path, settings: Mapping[str, object]) -> ManualRail:
    """The manual rail, writing to the setting `folder`."""
    return ManualRail(Path(str(settings.get("folder", data / "settlements"))))


def write_once(path: Path, content: bytes) -> None:
    """Write a file that never changes: once it is there, only the same content may follow.

    Raises RailError if another content is there, OSError.
    """
    if path.exists() and path.read_bytes() != content:
        raise RailError(
            f"{path}: is there with other instructions in it, which may have been carried out; "
            "nothing was written. Compare the two, and take the old file away"
        )
    # Written again all the same: who wrote it may have died before its name was on the disk.
    write_whole(path, content)


def read_folder(folder: Path) -> list[Instruction]:
    """The instructions in all files that `submit` wrote to a folder. Raises RailError, OSError."""
    return [each for path in files(folder) for each in read_instructions(path)]


def files(folder: Path) -> list[Path]:
    """The files that `submit` wrote to a folder, by name."""
    return sorted(path for pattern in FILES for path in folder.glob(pattern))


def read_instructions(path: Path) -> list[Instruction]:
    """The instructions in a file, as far as it tells. Raises RailError naming the line, OSError."""
    found = []
    try:
        rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig")), strict=True)
        if tuple(next(rows, ())) != HEADER:
            raise RailError(f"{path.name}: line 1 must be {','.join(HEADER)}")
        for row in rows:
            each = _instruction(row)
            if each is None:
                raise RailError(f"{path.name}: line {rows.line_num} is no instruction")
            found.append(each)
    except csv.Error as error:
        raise RailError(f"{path.name}: line {rows.line_num}: {error}") from error
    except UnicodeDecodeError:
        raise RailError(f"{path.name}: must be CSV in UTF-8") from None
    return found


def _instruction(row: Sequence[str]) -> Instruction | None:
    if len(row) != len(HEADER):
        return None
    id_, run, account, name, direction, amount, currency = row
    whole, _, part = amount.partition(".")
    if direction not in (COLLECT, PAY) or not (_digits(run) and _digits(whole + part)):
        return None
    return Instruction(
        unsafe_cell(id_),
        int(run),
        unsafe_cell(account),
        unsafe_cell(name),
        direction,
        int(whole + part),
        currency,
        len(part),
    )


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19


def instructions_csv(instructions: Iterable[Instruction]) -> str:
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
            if outcome not in OUTCOMES:
                raise OutcomesError(
                    f"line {line}: outcome must be done, failed or returned, not {outcome!r}"
                )
            if not instruction_id or instruction_id in seen:
                raise OutcomesError(f"line {line}: instruction must be named, once")
            if "\0" in instruction_id or "\0" in note:
                raise OutcomesError(f"line {line}: must hold no character U+0000")
            seen.add(instruction_id)
            yield Outcome(instruction_id, outcome, note)
    except csv.Error as error:
        raise OutcomesError(f"line {reader.line_num}: not CSV, {error}") from error
