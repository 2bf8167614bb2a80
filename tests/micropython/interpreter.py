"""The MicroPythons of this machine, and a folder that looks to them as a board's file system does.

The WebAssembly build is always one; it enforces no heap. Where the unix port is at hand (in
MICROPYTHON, or `micropython` in PATH) it is another, with the heap of a small board.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.micropython import translate
from tests.micropython.install import installed

HERE = Path(__file__).parent
TESTS = HERE.parent
REPOSITORY = TESTS.parent

HEAP_KB = 110
"""For a check: of a machine whose words have 32 bits, as a board's. Where they have 64, objects are
twice as large, and so is the heap."""
AMPLE_KB = 8192
"""For what is more than a board's program: a whole file of tests or of vectors, every module at
once, or the gateway's side as well."""
AMPLE = (
    "claims.py",
    "device.py",
    "firmware_imports.py",
    "protocol_payer.py",
    "protocol_settled.py",
    "protocol_topups.py",
    "protocol_legs.py",
    "protocol_xrpl.py",
    "protocol_price_end.py",
    "protocol_session_fee.py",
    "protocol_vectors.py",
)

ROOMS = ("protocol", "firmware", "tests/firmware", "tests/protocol", "tests/flash")
"""What of the repository's Python is on the board."""


@dataclass(frozen=True)
class MicroPython:
    """One interpreter: `name` for people, and the command that runs a script or a plan of tests in
    a staged folder."""

    name: str
    command: tuple[str, ...]
    word_bits: int = 32

    def run(
        self, stage: Path, file: Path, extra: Sequence[str] = (), timeout: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """Run a check (.py) or a plan (.json), which both stand in `stage`."""
        environment = {**os.environ, "MICROPYPATH": "shim:.:.frozen"}
        command = [*self.command, str(file), *extra]
        if self.name == "unix":
            ample = file.suffix == ".json" or file.name in AMPLE
            heap = AMPLE_KB if ample else HEAP_KB * self.word_bits // 32
            program = ["shim/runner.py"] if file.suffix == ".json" else []
            command = [*self.command, "-X", f"heapsize={heap}k", *program, str(file), *extra]
        return subprocess.run(
            command, cwd=stage, env=environment, capture_output=True, text=True, timeout=timeout
        )


def wasm() -> MicroPython:
    """MicroPython as WebAssembly, installed as `package-lock.json` pins it."""
    node, modules = installed()
    return MicroPython("wasm", (*node, str(HERE / "run.mjs"), str(modules)))


def unix() -> MicroPython | None:
    """The unix port, None if this machine has none."""
    program = os.environ.get("MICROPYTHON") or shutil.which("micropython")
    if not program:
        return None
    words = subprocess.run(
        [program, "-c", "import sys; print(64 if sys.maxsize >> 32 else 32)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return MicroPython("unix", (program,), int(words.stdout))


def stage(folder: Path) -> Path:
    """Put all that a board and its tests need into `folder`, as they lie in the repository."""
    for room in ROOMS:
        shutil.copytree(
            REPOSITORY / room,
            folder / room,
            ignore=shutil.ignore_patterns("__pycache__", "*.ini"),
        )
        if room.startswith("tests/"):
            for file in (folder / room).rglob("*.py"):
                file.write_text(translate.translated(file.read_text(encoding="utf-8")))
    shutil.copytree(TESTS / "vectors", folder / "vectors")
    shutil.copytree(HERE / "shim", folder / "shim", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(
        HERE / "checks", folder / "checks", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(HERE / "runner.py", folder / "shim" / "runner.py")
    return folder


def plan(folder: Path, file: str, tests: Sequence[object]) -> Path:
    """Write down which tests of a file are to run."""
    name = f"tests.{file.removesuffix('.py').replace('/', '.')}"
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"module": name, "tests": tests}))
    return path
