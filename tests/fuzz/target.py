"""What a fuzz target is: a function that takes any bytes and returns, unless it has found a fault.

A target that expects an error catches exactly that one; whatever else comes out of it is a finding.
"""

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sizes import size

VECTORS = Path(__file__).parents[1] / "vectors"


@dataclass(frozen=True)
class Target:
    """One thing to fuzz. `seeds` are inputs to begin with; `usual` and `campaign` how many inputs
    a test run and a campaign try."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    usual: int
    campaign: int
    max_len: int = 4200

    @property
    def runs(self) -> int:
        """How many inputs a test run tries, as the environment says (tests/sizes.py)."""
        name = "fuzz_inputs" if self.name == "decoder" else f"fuzz_{self.name}_inputs"
        return size(name, self.usual, self.campaign)


class Fault(AssertionError):
    """A target has found what must not be."""


def need(true: object, what: str) -> None:
    """Raise Fault unless it is so."""
    if not true:
        raise Fault(what)


def scratch() -> Path:
    """A folder for this process alone, in memory where the system has that."""
    memory = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="tallystick-fuzz-", dir=memory if memory.is_dir() else None)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def vectors(name: str) -> Any:
    """A file of the test vectors."""
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def hex_strings(value: object) -> Iterator[bytes]:
    """Every byte string in a file of vectors."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from hex_strings(item)
    elif isinstance(value, str):
        try:
            yield bytes.fromhex(value)
        except ValueError:
            return


def vector_bytes(*names: str) -> list[bytes]:
    """Every byte string in these files, none twice, of at most a message's size."""
    found = {data: None for name in names for data in hex_strings(vectors(name))}
    return [data for data in found if len(data) <= 4200]
