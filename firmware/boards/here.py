"""The board that this program runs on: `firmware/boards/<sys.platform>.py`, by the name that
MicroPython gives its port, and `unix.py` for computers."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COMPUTERS = ("linux", "darwin", "webassembly")


def module() -> "Any":
    """The board's file: its `BOARD` makes the board of a folder, its `seed` the secret there.
    Raises ImportError for a board that has none."""
    name = "unix" if sys.platform in _COMPUTERS else sys.platform
    return __import__("firmware.boards." + name, None, None, ("BOARD",))


def public_key(root: str = "") -> bytes:
    """The public half of the secret of this board, which is made now if there is none."""
    from firmware.crypto.ed25519 import SigningKey

    return SigningKey(module().seed(root)).public_key
