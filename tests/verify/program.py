"""`tallystick verify` as a program."""

import subprocess
from pathlib import Path

from tests.cli import warm
from tests.cli.tallystick import ROOT, environment


def verify_command(
    *arguments: str | Path, as_json: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run it; nothing is set up for it."""
    words = [*(("--json",) if as_json else ()), "verify", *map(str, arguments)]
    return subprocess.CompletedProcess(words, *warm.call(words, environment(), ROOT))
