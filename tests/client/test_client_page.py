"""The program that docs/client.md shows, run as it stands there against a gateway that serves."""

import os
import re
import subprocess
import sys

from tests.cli.tallystick import ROOT
from tests.cli.test_serve import initialised, serving
from tests.services import Served


def test_the_printed_examples_do_what_they_say(broker: Served) -> None:
    program = "".join(
        re.findall(r"```python\n(.*?)```", (ROOT / "docs/client.md").read_text(), re.S)
    )
    cli = initialised(broker)
    cli.ok("account", "add", "fleet", "--credit", "100")
    token = cli.ok("token", "add", "examples", "--role", "admin")["token"]
    with serving(cli, broker) as (_process, url):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT), "GATEWAY": url, "TOKEN": token},
        )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[:3] == ["fleet 100000000", "operator 0", "422 invalid"]
    assert lines[3].startswith("id -> ")
    assert "True" in lines
    assert lines[-1] == "deposit of fleet"
