"""The firmware's application for minutes of virtual time, for a week of it in a campaign: it pays
all that it meters, and nothing of it grows."""

import json
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


def _on_cpython() -> list[str]:
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
    return done.stdout.splitlines()


def _on_micropython(folder: Path) -> list[str]:
    """What it tells; an IOU every ten seconds, by the firmware's own cryptography."""
    stage = interpreter.stage(folder)
    (stage / "soak.json").write_text(json.dumps({"seconds": SECONDS, "step": 10}))
    done = interpreter.wasm().run(stage, stage / "shim" / "soak.py", timeout=86_400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("python", SLACK)
def test_any_time_of_payments_leave_nothing_behind(
    python: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = _on_micropython(tmp_path) if python == "wasm" else _on_cpython()
    looks: list[dict[str, Any]] = [json.loads(line) for line in lines]
    first, last = looks[: len(looks) // 2], looks[len(looks) // 2 :]
    with capsys.disabled():
        print(f"\n{python}: {json.dumps(first[0])} ... {json.dumps(last[-1])}")
    # A unit for each second but the few in which it connects, or opens the next channel.
    pauses = last[-1]["connections"] + last[-1]["channels_ended"]
    assert last[-1]["total"] >= SECONDS - 5 * pauses
    assert last[-1]["connections"] > 5
    assert last[-1]["channels_ended"] >= 4
    assert max(look["unpaid"] for look in looks) <= 60
    for what, slack in (("heap", SLACK[python]), ("record", 256)):
        found = [max(look[what] for look in half) for half in (first, last)]
        assert found[1] <= found[0] + slack, (what, [look[what] for look in looks])
