"""A real LittleFS on the model of a chip, set up as MicroPython sets it up on an ESP32.

The library is the one that MicroPython is built with; only the chip beneath it is a model.
"""

from types import SimpleNamespace
from typing import Any

from littlefs import LittleFS, UserContext
from littlefs.lfs import LFSConfig

from tests.flash.nor import SECTOR, Nor

SECTORS_2_MB = 512


class _Chip(UserContext):
    def __init__(self, nor: Nor) -> None:
        self._nor = nor

    def read(self, cfg: LFSConfig, block: int, off: int, size: int) -> bytearray:
        return bytearray(self._nor.read(block * SECTOR + off, size))

    def prog(self, cfg: LFSConfig, block: int, off: int, data: bytes) -> int:
        self._nor.program(block * SECTOR + off, bytes(data))
        return 0

    def erase(self, cfg: LFSConfig, block: int) -> int:
        self._nor.erase(block)
        return 0

    def sync(self, cfg: LFSConfig) -> int:
        return 0


def mounted(nor: Nor, fresh: bool = False) -> LittleFS:
    """The file system on this chip, made first if it is `fresh`."""
    found = LittleFS(
        context=_Chip(nor),
        block_size=SECTOR,
        block_count=len(nor.erasures),
        read_size=32,
        prog_size=32,
        lookahead_size=32,
        cache_size=128,
        block_cycles=100,
        mount=False,
    )
    if fresh:
        found.format()
    found.mount()
    return found


def board_modules(files: LittleFS) -> dict[str, Any]:
    """What `firmware.journal` asks of its board for files: `open`, and of `os` what MicroPython has
    on an ESP32, which is no fsync: a file is on the medium when it is closed."""
    return {"open": files.open, "os": SimpleNamespace(listdir=files.listdir)}
