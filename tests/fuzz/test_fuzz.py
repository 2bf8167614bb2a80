"""Whatever bytes come, from whomever: a value or a typed error, and no state that must not be."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import differential, files, firmware_inputs, hostile_gateway, hot_path, wire
from tests.fuzz.mutator import Found, fuzz
from tests.fuzz.run import FOUND
from tests.fuzz.target import Fault, Target
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
KEPT = sorted(path for path in FOUND.rglob("*") if path.is_file())


def python(*arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a Python of its own from the project's root: atheris takes over the one it is in."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def survives(*targets: Target) -> None:
    """Each target gets through its number of inputs."""
    slowest = 20  # inputs a second, of the slowest target on a slow machine
    seconds = 120 + sum(target.runs for target in targets) / slowest
    names = [target.name for target in targets]
    done = python("-m", "tests.fuzz.run", *names, seconds=seconds)
    said = (done.stdout + done.stderr)[-4_000:]
    assert done.returncode == 0, said
    assert done.stdout.count("nothing found") == len(targets), said


@pytest.mark.timeout(0)
@pytest.mark.threat("D14")
def test_any_bytes_on_the_wire_are_a_value_or_malformed() -> None:
    survives(*wire.TARGETS)


@pytest.mark.timeout(0)
def test_any_file_is_read_or_refused_by_name() -> None:
    survives(*files.TARGETS)


@pytest.mark.timeout(0)
def test_a_device_reads_any_packet_and_any_flash() -> None:
    survives(*firmware_inputs.TARGETS)


@pytest.mark.timeout(0)
@pytest.mark.threat("N6")
def test_no_gateway_makes_a_device_sign_lower_than_before() -> None:
    survives(*hostile_gateway.TARGETS)


@pytest.mark.timeout(0)
@pytest.mark.threat("D6", "D7")
def test_we_agree_with_the_programs_of_others() -> None:
    survives(*differential.TARGETS)


@pytest.mark.timeout(0)
@pytest.mark.threat("D8", "D9")
def test_no_device_moves_a_mark_but_by_its_own_iou() -> None:
    survives(*hot_path.TARGETS)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_once_is_mended(path: Path) -> None:
    TARGETS[path.parent.name].run(path.read_bytes())


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_the_plain_mutator_gets_through_each_target(name: str) -> None:
    """It is what is left where atheris can't be installed."""
    target = TARGETS[name]
    fuzz(target, min(target.usual // 20 + 20, 500), 3, target.seeds())


@pytest.mark.parametrize("engine", ["plain", "atheris"])
def test_a_fault_is_found_saved_and_told(engine: str, tmp_path: Path) -> None:
    """Both engines find a planted fault; the input that shows it is kept."""
    if engine == "atheris" and importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed: only the plain mutator is at work here")
    done = python("-m", "tests.fuzz.planted", engine, str(tmp_path))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout
    (kept,) = tmp_path.iterdir()
    assert b"?" in kept.read_bytes()


def test_the_plain_mutator_is_the_same_twice() -> None:
    def inputs(seed: int) -> list[bytes]:
        seen: list[bytes] = []
        fuzz(Target("t", seen.append, list, 1, 1), 200, seed, [b"abc", b"defg"])
        return seen

    assert inputs(1) == inputs(1) != inputs(2)


def test_what_a_target_raises_carries_the_input() -> None:
    def fails(data: bytes) -> None:
        raise Fault("always")

    with pytest.raises(Found) as raised:
        fuzz(Target("t", fails, list, 1, 1), 1, 1, [b"abc"])
    assert raised.value.data == b"abc"
