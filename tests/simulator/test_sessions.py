"""Recorded sessions: exact watt-hours from any file of the form, and errors that say where and what
would be right."""

from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.sessions import Session, SessionsError, read_sessions

COLUMNS = {
    "session": "S1",
    "connection_start": "2018-10-08 13:25:00",
    "connection_end": "2018-10-09 00:06:00",
    "charging_start": "2018-10-08 13:30:00",
    "charging_end": "2018-10-09 00:00:00",
    "power_kw": "0.6",
    "energy_kwh": "6.31",
    "connection_hours": "10.68",
    "charging_hours": "10.58",
    "station": "1-1-193-816",
}


def written(folder: Path, *rows: dict[str, str], columns: "list[str] | None" = None) -> Path:
    """A file with these rows; what a row does not name is as in COLUMNS."""
    names = columns or list(COLUMNS)
    lines = [
        ",".join(names),
        *(",".join((COLUMNS | row).get(n, "") for n in names) for row in rows),
    ]
    path = folder / "sessions.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def error(path: Path) -> str:
    """What is said about a file that can't be used, without its path."""
    with pytest.raises(SessionsError) as caught:
        read_sessions(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    return said.removeprefix(f"{path}: ")


def test_a_session_is_read_and_belongs_to_the_day_it_was_plugged_in(tmp_path: Path) -> None:
    night = {
        "connection_start": "2018-10-08 23:59:59",
        "charging_start": "2018-10-09 00:10:00",
        "charging_end": "2018-10-09 03:00:00",
        "connection_end": "2018-10-09 07:00:00",
    }
    first, second = read_sessions(written(tmp_path, {}, night))
    assert first == Session(
        "S1",
        "1-1-193-816",
        date(2018, 10, 8),
        datetime(2018, 10, 8, 13, 30),
        datetime(2018, 10, 9),
        6310,
    )
    assert second.day == date(2018, 10, 8)


def test_order_and_extra_columns_are_free(tmp_path: Path) -> None:
    """An extra field may be long, as the lists of user input in such exports are."""
    names = ["userInputs", *reversed(COLUMNS)]
    assert read_sessions(written(tmp_path, {"userInputs": "x" * 20_000}, columns=names)) == (
        read_sessions(written(tmp_path, {}))
    )


@pytest.mark.parametrize(
    "raw", ["\ufeff{}", "{}\n\n", "\n{}"], ids=["byte order mark", "blank end", "blank start"]
)
def test_marks_and_blank_lines_of_spreadsheets_are_taken(tmp_path: Path, raw: str) -> None:
    path = written(tmp_path, {})
    path.write_text(
        raw.format(path.read_text()).replace("\n", "\r\n"), encoding="utf-8", newline=""
    )
    assert len(read_sessions(path)) == 1


@given(wh=st.integers(0, 2**53), zeros=st.integers(0, 9))
def test_energy_is_exact_to_the_watt_hour_however_large(
    tmp_path_factory: pytest.TempPathFactory, wh: int, zeros: int
) -> None:
    text = f"{wh // 1000}.{wh % 1000:03}{'0' * zeros}"
    path = written(tmp_path_factory.mktemp("energy"), {"energy_kwh": text})
    assert read_sessions(path)[0].energy_wh == wh


@pytest.mark.parametrize(
    ("column", "value", "right"),
    [
        ("energy_kwh", "", "kilowatt-hours, 0 or more"),
        ("energy_kwh", "-6.31", "kilowatt-hours, 0 or more"),
        ("energy_kwh", "nan", "kilowatt-hours, 0 or more"),
        ("energy_kwh", "6.31e3", "kilowatt-hours, 0 or more"),
        ("energy_kwh", "٦", "kilowatt-hours, 0 or more"),
        ("energy_kwh", "9" * 5000, "kilowatt-hours, 0 or more"),
        ("energy_kwh", "6.3155", "whole watt-hours"),
        ("energy_kwh", "9007199254740.993", "at most 9007199254740992 watt-hours"),
        ("charging_start", "2018-10-08T13:30:00", "such as 2018-10-08 13:25:00"),
        ("charging_start", "2018-02-30 13:30:00", "such as 2018-10-08 13:25:00"),
        ("charging_start", "2018-10-08 13:24:59", "not be before connection_start"),
        ("charging_end", "2018-10-08 13:29:59", "not be before charging_start"),
        ("station", "", "1 to 64 printable characters"),
        ("station", "A\0", "1 to 64 printable characters"),
        ("station", "A" * 65, "1 to 64 printable characters"),
        ("session", "S" * 65, "1 to 64 printable characters"),
    ],
)
def test_a_wrong_field_is_named_by_line_and_column_with_what_would_be_right(
    tmp_path: Path, column: str, value: str, right: str
) -> None:
    said = error(written(tmp_path, {}, {column: value}))
    assert said.startswith(f"line 3, {column}: must ")
    assert right in said
    assert len(said) < 200


@pytest.mark.parametrize("missing", ["session", "charging_end", "energy_kwh", "station"])
def test_a_missing_column_is_named(tmp_path: Path, missing: str) -> None:
    names = [name for name in COLUMNS if name != missing]
    assert error(written(tmp_path, {}, columns=names)).startswith(
        f"line 1: column {missing} is missing"
    )


def test_a_column_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    said = error(written(tmp_path, {}, columns=[*COLUMNS, "energy_kwh"]))
    assert said.startswith("line 1: column energy_kwh stands there twice")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "line 1: is empty"),
        (b"\n\n", "line 1: is empty"),
        (",".join(COLUMNS).encode() + b"\n", "line 2: is missing"),
        (",".join(COLUMNS).replace(",", ";").encode(), "line 1: column session is missing"),
        (",".join(COLUMNS).encode() + b"\nS1,S2\n", "line 2: has 2 fields; must have 10"),
        (",".join(COLUMNS).encode() + b'\n"S1,S2\n', "line 2: must be CSV"),
        (",".join(COLUMNS).encode() + b"\n" + b"x" * 200_000, "line 2: must be CSV"),
        (",".join(COLUMNS).encode() + b"\nS1,\xff", "line 2: must be UTF-8 text"),
        ("a,b".encode("utf-16"), "line 1: must be UTF-8 text"),
        (bytes(range(256)) * 9, "line 2: must be UTF-8 text"),
    ],
)
def test_what_is_no_such_file_is_refused_by_line(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / "sessions.csv"
    path.write_bytes(raw)
    assert error(path).startswith(said)
