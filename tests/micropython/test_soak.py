"""The firmware's application for minutes of virtual time, for a week of it in a campaign: it pays
all that it meters, and nothing of it grows."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.micropython import interpreter
from tests.sizes import size

SECONDS = 60 * size("soak_minutes", 10, 10_080)
SLACK = {"cpython": 300, "wasm": 1_024}
"""Blocks and bytes of the heap by which one look may differ from another."""


CHANNELS = 12
"""In the whole time, as `shim/soak.py` has it."""
LONGEST_PAUSE = 5
"""Seconds in which nothing is delivered."""
BLOCK = 16
"""Bytes of which MicroPython's heap is made."""


def _looks(told: str) -> list[dict[str, Any]]:
    """What it tells of each look: a line of JSON, and where MicroPython runs it, in its own words
    the size of its heap and the largest piece of that which is free."""
    looks: list[dict[str, Any]] = []
    for line in told.splitlines():
        if line.startswith("{"):
            looks.append(json.loads(line))
        for name, pattern, unit in (
            ("heap_size", r"GC: total: (\d+)", 1),
            ("largest_free", r"max free sz: (\d+)", BLOCK),
        ):
            found = re.search(pattern, line)
            if found:
                looks[-1][name] = int(found[1]) * unit
    return looks


def _on_cpython() -> str:
    """What it tells; an IOU a second, by native cryptography. In a process of its own, for a heap
    is all of a process's."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.micropython.soaked", str(SECONDS)],
        capture_output=True,
        text=True,
        check=False,
        cwd=interpreter.TESTS.parent,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _on_micropython(folder: Path) -> str:
    """What it tells; an IOU every ten seconds, by the firmware's own cryptography."""
    stage = interpreter.stage(folder)
    (stage / "soak.json").write_text(json.dumps({"seconds": SECONDS, "step": 10}))
    done = interpreter.wasm().run(stage, stage / "shim" / "soak.py", timeout=86_400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("python", SLACK)
def test_any_time_of_payments_leave_nothing_behind(
    python: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = _looks(_on_micropython(tmp_path) if python == "wasm" else _on_cpython())
    first, last = looks[: len(looks) // 2], looks[len(looks) // 2 :]
    with capsys.disabled():
        print(f"\n{python}: {json.dumps(first[0])} ... {json.dumps(last[-1])}")
    # A unit for each second but those in which it connects, or opens the next channel.
    pauses = last[-1]["connections"] + CHANNELS
    assert last[-1]["total"] >= SECONDS - LONGEST_PAUSE * pauses
    assert last[-1]["connections"] > 5
    assert last[-1]["channels_ended"] >= 4
    assert max(look["unpaid"] for look in looks) <= 60
    for what, slack in (("heap", SLACK[python]), ("record", 256)):
        found = [max(look[what] for look in half) for half in (first, last)]
        assert found[1] <= found[0] + slack, (what, [look[what] for look in looks])
