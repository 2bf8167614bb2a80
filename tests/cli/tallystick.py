"""The command line as its users have it: arguments in, output and exit status out."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli import warm

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """What a call came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output as JSON."""
        return json.loads(self.out)


def command(*arguments: str | Path) -> list[str]:
    """The full command line."""
    return [sys.executable, "-W", "ignore", "-m", "gateway.cli", *map(str, arguments)]


def environment(**changes: str) -> dict[str, str]:
    """This environment without settings of a gateway."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TALLYSTICK_")}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | changes


class Cli:
    """`tallystick --data FOLDER`."""

    def __init__(self, data: Path, **changes: str) -> None:
        self.data = data
        self._changes = changes

    def __call__(self, *arguments: str | Path) -> Ended:
        words = ["--data", str(self.data), *map(str, arguments)]
        return Ended(*warm.call(words, environment(**self._changes), self.data.parent))

    def ok(self, *arguments: str | Path) -> Any:
        """The JSON that a call prints, which must succeed."""
        done = self("--json", *arguments)
        if done.status != 0:
            raise AssertionError(done)
        return done.json
