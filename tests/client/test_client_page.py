"""The program that docs/client.md shows, run as it stands there against a gateway's API."""

import os
import re
import subprocess
import sys

from tests.api.house import House
from tests.cli.tallystick import ROOT


def test_the_printed_examples_do_what_they_say(house: House, url: str) -> None:
    program = "".join(
        re.findall(r"```python\n(.*?)```", (ROOT / "docs/client.md").read_text(), re.S)
    )
    house.fleet()
    house.paid(house.device(), 10)
    given = {"PYTHONPATH": str(ROOT), "GATEWAY": url, "TOKEN": house.tokens["admin"]}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | given,
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[:3] == ["fleet 1000000000", "operator 0", "422 invalid"]
    assert lines[3].startswith("id -> ")
    assert lines[4:] == ["True", "fleet True", "operator True", "deposit of fleet"]
