"""`tallystick bench settle`, called as a program: it measures what it says it does."""

import json
import subprocess
import sys


def test_a_run_of_many_channels_is_measured() -> None:
    command = ["bench", "settle", "--channels", "1000", "--owners", "20", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["channels"], said["accounts"], said["database"]) == (1000, 20, "sqlite")
    assert 0 < said["posted_seconds"] <= said["seconds"]
    assert said["peak_memory_mib"] > 0
