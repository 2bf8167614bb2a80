"""The device's code under real MicroPython: the tests that other files have of it, and the checks
that stand beside this one.

A check is a plain script that asserts and prints OK last. Both see a file system as a board has it.
"""

import json
import subprocess
from pathlib import Path

import pytest

from tests.micropython import interpreter, suite
from tests.micropython.interpreter import MicroPython

CHECKS = sorted((Path(__file__).parent / "checks").glob("*.py"))
UNIX = interpreter.unix()


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The board's file system."""
    return interpreter.stage(tmp_path_factory.mktemp("board"))


@pytest.fixture(scope="session", params=["wasm"] if UNIX is None else ["wasm", "unix"])
def micropython(request: pytest.FixtureRequest) -> MicroPython:
    """Each MicroPython that there is."""
    if request.param == "unix":
        assert UNIX is not None
        return UNIX
    return interpreter.wasm()


def _said(done: "subprocess.CompletedProcess[str]") -> str:
    return done.stdout + done.stderr


@pytest.mark.parametrize("check", CHECKS, ids=lambda path: path.stem)
def test_check_holds_under_micropython(micropython: MicroPython, stage: Path, check: Path) -> None:
    done = micropython.run(stage, stage / "checks" / check.name)
    assert done.returncode == 0, _said(done)
    assert done.stdout.splitlines()[-1:] == ["OK"], _said(done)


@pytest.mark.parametrize("file", suite.FILES)
def test_what_is_tested_elsewhere_holds_under_micropython(
    micropython: MicroPython, stage: Path, file: str
) -> None:
    tests = suite.tests_of(file)
    done = micropython.run(stage, interpreter.plan(stage, file, tests))
    outcomes = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"')]
    failed = [outcome for outcome in outcomes if not outcome["ok"]]
    assert failed == [], _said(done)
    assert [outcome["test"] for outcome in outcomes] == ["import", *[t["name"] for t in tests]], (
        _said(done)
    )
