"""Each line and branch of the money core is reached by the tests that are kept for it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_branch_of_the_money_core_is_reached() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.coverage.measure"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=590,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    assert "TOTAL" in done.stdout and "100%" in done.stdout.splitlines()[-2]
