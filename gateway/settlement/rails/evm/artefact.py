"""The compiled escrow: what it can be asked, and its bytecode."""

import json
from functools import cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).parent / "contracts" / "Escrow.json"
"""Made of Escrow.sol beside it; a test compiles that again and compares."""


@cache
def _read() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return content


def abi() -> list[dict[str, Any]]:
    """The contract's interface."""
    found: list[dict[str, Any]] = _read()["abi"]
    return found


def bytecode() -> str:
    """What deploys it, in hex after 0x; its constructor's arguments follow."""
    return str(_read()["bytecode"])
