"""Recorded charging sessions from a CSV file: exact watt-hours, or an error that names the line.

Columns: session, connection_start, charging_start, charging_end, energy_kwh, station; others are
ignored, and the order is free. Times are local and without a zone. A session belongs to the day on
which it was plugged in. Energy is read from its decimal digits, never through a float. Nothing
about devices or money may live here.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

MAX_WH = 2**53
"""The most watt-hours of one session: what any program that reads JSON can still show exactly."""
MAX_NAME = 64
"""The longest session or station id, in characters."""

_NEEDED = (
    "session",
    "connection_start",
    "charging_start",
    "charging_end",
    "energy_kwh",
    "station",
)
_ENERGY = re.compile(r"([0-9]{1,30})(?:\.([0-9]{0,30}))?")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")


class SessionsError(ValueError):
    """The file can't be used; the text names line and column, and says what would be right."""


@dataclass(frozen=True)
class Session:
    """One charging session of one station; `start` and `end` of charging, energy in watt-hours."""

    name: str
    station: str
    day: date
    start: datetime
    end: datetime
    energy_wh: int


def read_sessions(path: Path) -> list[Session]:
    """All sessions, in the file's order. Raises SessionsError, or OSError if it can't be read."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SessionsError(f"{path}: line {line}: must be UTF-8 text") from None
    try:
        return list(_parse(text))
    except SessionsError as error:
        raise SessionsError(f"{path}: {error}") from None


def _parse(text: str) -> Iterator[Session]:
    records = _records(text)
    header = next(records, None)
    if header is None:
        raise SessionsError("line 1: is empty; must be a header that names the columns")
    line, names = header
    for name in _NEEDED:
        if names.count(name) != 1:
            found = "is missing" if name not in names else "stands there twice"
            raise SessionsError(
                f"line {line}: column {name} {found}; the header must name, with commas between, "
                + ", ".join(_NEEDED)
            )
    line = 0
    for line, values in records:
        if len(values) != len(names):
            raise SessionsError(
                f"line {line}: has {len(values)} fields; must have {len(names)}, as the header"
            )
        yield _session(_Row(line, dict(zip(names, values, strict=True))))
    if line == 0:
        raise SessionsError("line 2: is missing; must be a session")


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not blank, with the number of the line that it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise SessionsError(f"line {line}: must be CSV ({error})") from None
        if values:
            yield line, [value.strip() for value in values]


@dataclass(frozen=True)
class _Row:
    """One record by column, and the line that it begins on."""

    line: int
    values: dict[str, str]

    def wrong(self, column: str, right: str) -> SessionsError:
        shown = self.values[column][:40]
        return SessionsError(f"line {self.line}, {column}: {right}, not {shown!r}")

    def name(self, column: str) -> str:
        value = self.values[column]
        if not value or len(value) > MAX_NAME or not value.isprintable():
            raise self.wrong(column, f"must be 1 to {MAX_NAME} printable characters")
        return value

    def time(self, column: str) -> datetime:
        value = self.values[column]
        try:
            if _TIME.fullmatch(value):
                return datetime.fromisoformat(value)
        except ValueError:
            pass  # no such day or hour: told as the wrong form is
        raise self.wrong(column, "must be a time such as 2018-10-08 13:25:00")

    def watt_hours(self, column: str) -> int:
        found = _ENERGY.fullmatch(self.values[column])
        if found is None:
            raise self.wrong(column, "must be kilowatt-hours, 0 or more, such as 6.31")
        fraction = (found[2] or "").rstrip("0")
        if len(fraction) > 3:
            raise self.wrong(column, "must be whole watt-hours, three digits after the point")
        energy = int(found[1]) * 1_000 + int(fraction.ljust(3, "0"))
        if energy > MAX_WH:
            raise self.wrong(column, f"must be at most {MAX_WH} watt-hours")
        return energy


def _session(row: _Row) -> Session:
    plugged = row.time("connection_start")
    start, end = row.time("charging_start"), row.time("charging_end")
    if start < plugged:
        raise row.wrong("charging_start", "must not be before connection_start")
    if end < start:
        raise row.wrong("charging_end", "must not be before charging_start")
    return Session(
        row.name("session"),
        row.name("station"),
        plugged.date(),
        start,
        end,
        row.watt_hours("energy_kwh"),
    )
