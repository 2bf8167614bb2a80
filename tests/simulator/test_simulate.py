"""`tallystick simulate`: what it refuses before it does anything, and how it says so."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulator.amounts import decimal
from simulator.cli import app


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("tally_0_secret\n")
    return path


def refused(token: Path, *words: str) -> str:
    """What it says when it refuses a call; nothing listens where it is sent."""
    base = ["--api", "http://127.0.0.1:1", "--token-file", str(token), "--broker", "127.0.0.1:1"]
    result = CliRunner().invoke(app, [*base, *words])
    assert result.exit_code == 2, result.output
    return result.output


@pytest.mark.parametrize(
    "broker", ["localhost", ":1883", "host:", "host:0", "host:65536", "h:²", "h:" + "9" * 5000]
)
def test_a_broker_that_is_no_host_and_port_is_refused(token: Path, broker: str) -> None:
    assert "--broker: must be mqtts://HOST:PORT, or HOST:PORT" in refused(token, "--broker", broker)


@pytest.mark.parametrize("content", [b"", b"\n", b"\x7fELF\xff\xfe", "schlüssel".encode()])
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no-token"
    path.write_bytes(content)
    assert "must hold a token" in refused(path)


def test_a_token_file_that_is_missing_is_named(tmp_path: Path) -> None:
    assert "can't be read (No such file or directory)" in refused(tmp_path / "none")


@pytest.mark.parametrize("words", [("--day", "2018-10-08"), ("--stations", "2")])
def test_what_belongs_to_a_recorded_day_needs_one(token: Path, words: tuple[str, str]) -> None:
    assert "need --sessions" in refused(token, *words)


def test_claims_on_the_xrp_ledger_are_for_a_fleet_alone(token: Path) -> None:
    said = refused(token, "--xrpl-claims", "--scenario", "hotspot")
    assert "--xrpl-claims: can't be given with --sessions or --scenario" in said


def test_a_day_must_be_a_date(token: Path, tmp_path: Path) -> None:
    said = refused(token, "--sessions", str(tmp_path / "none.csv"), "--day", "8.10.2018")
    assert "--day: must be YYYY-MM-DD" in said


def test_a_file_of_sessions_that_can_t_be_used_is_refused_before_anything_is_registered(
    token: Path, tmp_path: Path
) -> None:
    path = tmp_path / "sessions.csv"
    path.write_text("a,b\n")
    assert "line 1: column session is missing" in refused(token, "--sessions", str(path))
    path.write_text(
        "session,connection_start,charging_start,charging_end,energy_kwh,station\n"
        "S,2018-10-08 07:00:00,2018-10-08 07:00:00,2018-10-08 08:00:00,1.5,A\n"
    )
    said = refused(token, "--sessions", str(path), "--day", "2018-10-09")
    assert "day 2018-10-09: no session; the file has 2018-10-08 to 2018-10-08" in said
    assert "none.csv" in refused(token, "--sessions", str(tmp_path / "none.csv"))


def test_a_gateway_that_does_not_answer_is_named_with_status_1(token: Path) -> None:
    result = CliRunner().invoke(
        app, ["--api", "http://127.0.0.1:1", "--token-file", str(token), "--broker", "127.0.0.1:1"]
    )
    assert result.exit_code == 1
    assert "http://127.0.0.1:1/v1/accounts" in result.output


@pytest.mark.parametrize(
    ("amount", "scale", "shown"),
    [
        (0, 6, "0.000000"),
        (1, 6, "0.000001"),
        (-1_234_567, 6, "-1.234567"),
        (2**63 - 1, 6, "9223372036854.775807"),
        (42, 0, "42"),
        (-42, 2, "-0.42"),
    ],
)
def test_amounts_are_written_to_the_last_atomic_unit(amount: int, scale: int, shown: str) -> None:
    assert decimal(amount, scale) == shown
