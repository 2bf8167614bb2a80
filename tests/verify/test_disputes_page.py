"""The few lines of another library that docs/disputes.md shows check a bundle, as printed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.tallystick import ROOT

VECTORS = json.loads((ROOT / "tests/vectors/evidence.json").read_text())
VALID = {case["name"]: bytes.fromhex(case["encoded"]) for case in VECTORS["valid"]}
WRONG = {case["name"]: bytes.fromhex(case["encoded"]) for case in VECTORS["unproven"]}


def run(folder: Path, bundle: bytes) -> subprocess.CompletedProcess[str]:
    """The program of the page on this bundle, where no part of Tallystick can be imported."""
    (printed,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/disputes.md").read_text(), re.S)
    assert "tallystick." not in printed and "protocol" not in printed
    (folder / "check.py").write_text(printed)
    (folder / "bundle.cbor").write_bytes(bundle)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "check.py", "bundle.cbor"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
    )


@pytest.mark.threat("G3")
def test_the_printed_lines_check_a_bundle(tmp_path: Path) -> None:
    done = run(tmp_path, VALID["a channel settled twice and closed"])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{VECTORS['payer_key']} owes 600000 x 10^-6 EUR\n"


@pytest.mark.threat("G1", "G3")
@pytest.mark.parametrize(
    "name",
    [
        "the id of another channel",
        "terms that their payer did not sign",
        "an IOU of another payer",
        "IOUs that fall",
        "an IOU above its price",
        "a receipt that no IOU covers",
    ],
)
def test_the_printed_lines_refuse_what_does_not_hold(tmp_path: Path, name: str) -> None:
    assert run(tmp_path, WRONG[name]).returncode != 0
