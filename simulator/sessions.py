"""Recorded charging sessions from a CSV file: exact watt-hours, or an error that names the line.

Columns: session, charging_start, charging_end, connection_start, energy_kwh, station; others are
ignored, and the order is free. Times are local and without a zone. A session belongs to the day on
which it was plugged in.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

_NEEDED = (
    "session",
    "connection_start",
    "charging_start",
    "charging_end",
    "energy_kwh",
    "station",
)
_ENERGY = re.compile(r"([0-9]{1,9})(?:\.([0-9]{0,9}))?")
_MAX_FIELD = 1_000
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


class SessionsError(ValueError):
    """The file can't be used; the text names the line and the column, and what would be right."""


@dataclass(frozen=True)
class Session:
    """One charging session of one station; energy in watt-hours."""

    name: str
    station: str
    day: date
    start: datetime
    end: datetime
    energy_wh: int


def read_sessions(path: Path) -> list[Session]:
    """All sessions of a file. Raises SessionsError, or OSError if it can't be read."""
    csv.field_size_limit(_MAX_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            sessions = list(_parse(file))
        except UnicodeDecodeError as error:
            raise SessionsError(f"{path}: must be UTF-8 text ({error.reason})") from None
    if not sessions:
        raise SessionsError(f"{path}: holds no session below its header line")
    return sessions


def _parse(lines: Iterable[str]) -> Iterator[Session]:
    reader = csv.DictReader(lines, strict=True)
    try:
        names = reader.fieldnames or []
        for name in _NEEDED:
            if name not in names:
                raise SessionsError(f"line 1: column {name} is missing")
        for row in reader:
            yield _session(row, reader.line_num)
    except csv.Error as error:
        raise SessionsError(f"line {reader.line_num}: not CSV ({error})") from None


def _session(row: "dict[str, str | None]", line: int) -> Session:
    if None in row:
        raise SessionsError(f"line {line}: has more fields than the header")

    def text(column: str) -> str:
        value = (row[column] or "").strip()
        if not value:
            raise SessionsError(f"line {line}, {column}: is empty")
        return value

    def moment(column: str) -> datetime:
        try:
            return datetime.strptime(text(column), _TIME_FORMAT)
        except ValueError:
            raise SessionsError(
                f"line {line}, {column}: must be a time YYYY-MM-DD HH:MM:SS"
            ) from None

    start, end = moment("charging_start"), moment("charging_end")
    if end < start:
        raise SessionsError(f"line {line}, charging_end: is before charging_start")
    return Session(
        text("session"),
        text("station"),
        moment("connection_start").date(),
        start,
        end,
        _watt_hours(text("energy_kwh"), line),
    )


def _watt_hours(value: str, line: int) -> int:
    found = _ENERGY.fullmatch(value)
    if found is None:
        raise SessionsError(
            f"line {line}, energy_kwh: must be kilowatt-hours, 0 or more, such as 6.31"
        )
    fraction = (found[2] or "").rstrip("0")
    if len(fraction) > 3:
        raise SessionsError(f"line {line}, energy_kwh: is finer than a watt-hour")
    return int(found[1]) * 1_000 + int(fraction.ljust(3, "0"))
