"""Runs a target that has a fault: python -m tests.fuzz.planted ENGINE FOLDER. The runner must find
it, save the input in the folder, and end with status 1."""

import sys
from pathlib import Path

from tests.fuzz.run import run
from tests.fuzz.target import Target, need


def planted(data: bytes) -> None:
    """Breaks on a question mark."""
    need(b"?" not in data, "planted")


if __name__ == "__main__":
    target = Target("planted", planted, lambda: [b"what", b"="], 1, 1)
    sys.exit(0 if run(target, sys.argv[1], 200_000, 1, Path(sys.argv[2])) else 1)
