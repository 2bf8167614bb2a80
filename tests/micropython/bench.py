"""`make bench-signing`: what a signature costs under MicroPython, against the textbook's.

Signer and textbook take turns in one run, and the shortest of each counts. Trust the ratios.
"""

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.micropython import interpreter
from tests.micropython.interpreter import MicroPython

TEXTBOOK = "textbook, as RFC 8032 section 6 prints it"
EXPANDED = "textbook, its key expanded once"
FIRMWARE = "firmware, as a board signs"
WORKS = 8


def measured(micropython: MicroPython, folder: Path, rounds: int) -> dict[str, Any]:
    """What it is, and for each piece of work its milliseconds and the bytes of heap it takes."""
    plan = folder / "bench.json"
    names = [f"measure_{place}" for _ in range(rounds) for place in range(WORKS)] + ["report"]
    tests = [{"name": name, "arguments": []} for name in names]
    plan.write_text(json.dumps({"module": "bench_signing", "tests": tests}))
    done = micropython.run(folder, plan, timeout=600)
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    said = [json.loads(line) for line in done.stdout.splitlines() if line[:1] in "[{"]
    (what,) = [each for each in said if isinstance(each, dict) and "python" in each]
    rows = {row[0]: (row[1], row[2]) for row in said if isinstance(row, list)}
    return {**what, "rows": rows}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench-signing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--unix", action="store_true", help="MicroPython's unix port, if there")
    given = parser.parse_args()
    micropython = interpreter.unix() if given.unix else interpreter.wasm()
    if micropython is None:
        raise SystemExit("no micropython in PATH, none in MICROPYTHON")
    with tempfile.TemporaryDirectory() as name:
        found = measured(micropython, interpreter.stage(Path(name)), given.rounds)
    rows = found["rows"]
    ratios = {
        each: {
            "time": round(rows[each][0] / rows[FIRMWARE][0], 2),
            "heap": round(rows[FIRMWARE][1] / rows[each][1], 2),
        }
        for each in (TEXTBOOK, EXPANDED)
    }
    if given.json:
        json.dump({"machine": platform.machine(), **found, "ratios": ratios}, sys.stdout, indent=2)
        print()
        return
    print(f"{found['python']} ({micropython.name}), SHA-512 by {found['sha512']}")
    for work, (milliseconds, taken) in rows.items():
        print(f"  {work:45} {milliseconds:8.2f} ms {taken:10,} bytes of heap")
    for each, ratio in ratios.items():
        print(f"than the {each}: {ratio['time']} times faster, {ratio['heap']} of its heap")


if __name__ == "__main__":
    main()
