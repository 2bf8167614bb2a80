"""The board's test of itself: on this Python, and on real MicroPython at a serial port."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from firmware import selftest
from firmware.crypto import ed25519
from provision.selftest import app
from tests.provision.board import Board, plugged_in

REPOSITORY = Path(__file__).parents[2]


def test_on_this_python_everything_is_well_and_nothing_is_left(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "firmware.selftest"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["test"] for each in reports] == [*selftest.NAMES, "all"]
    assert list(tmp_path.iterdir()) == []


def test_wrong_cryptography_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ed25519, "verify", lambda *_: True)
    assert selftest.report("ed25519") == {"test": "ed25519", "ok": False}
    monkeypatch.setattr(ed25519.SigningKey, "sign", lambda *_: bytes(64))
    assert selftest.report("ed25519")["ok"] is False


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """Real MicroPython with the firmware on it."""
    folder = tmp_path_factory.mktemp("board") / "files"
    for room in ("protocol", "firmware"):
        shutil.copytree(
            REPOSITORY / room,
            folder / "lib" / room,
            ignore=shutil.ignore_patterns("__pycache__", "*.ini"),
        )
    with plugged_in(folder) as plugged:
        yield plugged


def test_a_board_is_tested_over_its_port(board: Board) -> None:
    done = CliRunner().invoke(app, ["--port", board.port, "--json"])
    reports: dict[str, Any] = {}
    for line in done.stdout.splitlines():
        found = json.loads(line)
        reports[found["test"]] = found
    assert list(reports) == [*selftest.NAMES, "all"], done.output
    assert [name for name, found in reports.items() if not found["ok"]] == []
    assert done.exit_code == 0
    assert reports["image"]["platform"] == "webassembly"
    assert reports["sha512"]["by"] == "python"
    assert 0 < reports["signing"]["sign_bytes"] < 1_000_000
    assert reports["signing"]["sign_ms"] > 0


def test_a_board_without_the_program_says_so(tmp_path: Path) -> None:
    with plugged_in(tmp_path / "files") as empty:
        done = CliRunner().invoke(app, ["--port", empty.port])
    assert done.exit_code == 1
    assert "no module named 'firmware'" in done.output
