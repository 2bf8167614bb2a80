"""What the machine says of itself: room on its disks, and how well its clock is kept. Asked anew
each time; it changes nothing."""

import ctypes
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_UNSYNCHRONISED = 0x40
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Kept:
    """How the kernel says that the clock is kept: whether something sets it right (NTP, PTP), and
    how wrong it may be by now at most, in seconds."""

    synchronised: bool
    error_s: float


def room(folders: Mapping[str, Path]) -> dict[str, tuple[int, int]]:
    """Bytes that may still be written in each folder, and bytes of its file system in all; without
    those that can't be asked."""
    found = {}
    for name, folder in folders.items():
        try:
            usage = shutil.disk_usage(folder)
        except OSError:
            continue
        found[name] = (usage.free, usage.total)
    return found


class _Timex(ctypes.Structure):
    """The kernel's `struct timex`, of adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("constant", "precision", "tolerance")),
        ("time", ctypes.c_long * 2),
        ("rest", ctypes.c_long * 32),
    )


def clock() -> Kept | None:
    """How this machine's clock is kept; None where the kernel can't be asked."""
    if not sys.platform.startswith("linux"):
        return None
    said = _Timex()
    # With no modes it only tells. The kernel writes 208 bytes at most; `rest` is more than that.
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(said)) < 0:
        return None
    return Kept(not said.status & _UNSYNCHRONISED, said.maxerror / _MICRO)
