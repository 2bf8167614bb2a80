"""`tallystick verify` as a program."""

import subprocess
from pathlib import Path

from tests.cli.tallystick import command, environment


def verify_command(
    *arguments: str | Path, as_json: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run it; nothing is set up for it."""
    before = ("--json",) if as_json else ()
    return subprocess.run(
        command(*before, "verify", *arguments),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(),
    )
