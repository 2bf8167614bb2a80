"""`tallystick device provision`, run as its user runs it: a real gateway and broker on one side; on
the other real MicroPython behind a terminal, and after the reset the very files that were
installed, run by CPython."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import scene
from tests.e2e.stage import Stage, stage
from tests.provision.board import Board, plugged_in

_MAIN = """
import asyncio, os, sys
from firmware import app
from firmware.boards.unix import Unix
assert app.__file__.startswith(sys.argv[1]), app.__file__
asyncio.run(app.run(Unix(sys.argv[1])))
"""


def _run_installed(folder: Path) -> list[str]:
    """CPython, with what is on the board and nothing else of ours."""
    return ["env", f"PYTHONPATH={folder / 'lib'}", sys.executable, "-uPc", _MAIN, str(folder)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("house")) as set_up:
        yield set_up


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with plugged_in(tmp_path_factory.mktemp("board") / "files", _run_installed) as board:
        yield board


def _tallystick(
    house: Stage, *words: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", "--data", str(house.data), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={**os.environ, **environment},
    )


def _code(house: Stage) -> str:
    made = _tallystick(house, "--json", "device", "claim", "--account", scene.FLEETS[0][0])
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["code"])


def _provision(
    house: Stage, board: Board, code: str, *more: str
) -> "subprocess.CompletedProcess[str]":
    words = ["device", "provision", "--port", board.port, "--api", house.gateway.url]
    words += ["--unit", scene.READINGS.unit, "--name", "hall", *more]
    return _tallystick(house, *words, TALLYSTICK_CLAIM=code)


def test_one_command_makes_a_board_a_device_that_is_online(house: Stage, board: Board) -> None:
    code = _code(house)
    done = _provision(house, board, code, "--set", "step=2", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["status"], told["online"]) == ("delivering", True)
    with house.api() as api:
        (device,) = [each for each in api.items("/v1/devices") if each["name"] == "hall"]
        channels = list(api.items("/v1/channels", device=device["id"]))
    assert device["id"] == told["device"]
    assert device["public_key"] == told["public_key"]
    assert [channel["state"] for channel in channels] == ["open"]
    # The secret is where it was made, and was told to nobody.
    seed = (board.folder / "device.key").read_bytes()
    assert len(seed) == 32
    settings = json.loads((board.folder / "settings.json").read_text())
    assert settings["step"] == 2
    for secret in (seed.hex(), settings["password"], code):
        assert secret not in done.stdout + done.stderr


def test_done_again_it_keeps_the_key_and_writes_no_file_twice(house: Stage, board: Board) -> None:
    seed = (board.folder / "device.key").read_bytes()
    done = _provision(house, board, _code(house))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "program: 0 of " in done.stderr
    assert (board.folder / "device.key").read_bytes() == seed
    with house.api() as api:
        assert len([each for each in api.items("/v1/devices") if each["name"] == "hall"]) == 1


def test_a_code_that_was_used_sets_nothing_up(house: Stage, board: Board) -> None:
    done = _provision(house, board, "0" * 20)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: the gateway: code: ")
    assert not (board.folder / "main.py").exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--set", "colour=red"), "error: --set colour: must be NAME=VALUE"),
        (("--set", "password=x"), "error: --set password: is not set here"),
        (("--set", "step=many"), "error: --set step: must be a number"),
        (("--set", "step=0"), "error: step: must be 1 to 1073741824"),
        (("--api", "http://gateway.example"), "error: --api: without TLS"),
        (("--api", "gateway"), "error: --api: must be https://HOST:PORT"),
    ],
)
def test_what_is_wrong_is_told_before_the_board_is_touched(
    house: Stage, board: Board, words: tuple[str, ...], what: str
) -> None:
    resets = board.resets
    done = _provision(house, board, "0" * 20, *words)
    assert (done.returncode, done.stderr.splitlines()[-1][: len(what)]) == (2, what)
    assert board.resets == resets


def test_a_port_that_is_none_is_an_error(house: Stage, board: Board) -> None:
    done = _provision(house, board, "0" * 20, "--port", "/dev/nowhere")
    assert (done.returncode, "nowhere" in done.stderr) == (1, True)
