"""Plants bugs one by one in a copy of the tree, and sees who finds them.

`python -m tests.planted.run` plants all and writes what found each, as JSON; `--only TEXT` those
whose name holds a text; `--seeds N` lets the world look at so many seeds at most, and
`--generator scenarios` at those of that generator; `--world-alone` plants those that the world must
find, and no test looks.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from simulator.world.seeds import GENERATORS
from tests.planted.bugs import BUGS, Bug

ROOT = Path(__file__).parents[2]
_TREES = ("protocol", "firmware", "gateway", "simulator", "tests")
_FILES = ("pyproject.toml", "mosquitto.conf", "README.md", "Makefile")
_TEST_SECONDS = 300
_WORLD_SECONDS = 900
_TOO_LONG = -1
_PLAY = """
import sys
from simulator.world.oracle import Oracle
from simulator.world.run import play
from simulator.world.seeds import GENERATORS
for seed in range(int(sys.argv[1]), int(sys.argv[2]) + 1):
    if not play(GENERATORS[sys.argv[3]](seed), Oracle).ok:
        print(seed)
        sys.exit(1)
"""


class BugError(Exception):
    """A bug that can't be planted, or hunters who cry out where there is none."""


@dataclass
class Found:
    """What came of one bug. `seeds` is how many the world took to find it, 0 if it did not look or
    did not find it; `by` is empty if nobody did."""

    name: str
    by: list[str]
    seeds: int
    seconds: float


def must(bug: Bug) -> set[str]:
    """Who must find it."""
    return {name for name, told in (("tests", bug.tests), ("world", bug.world)) if told}


def copy_tree(to: Path) -> None:
    """Copy what the tests need."""
    for name in _TREES:
        ignored = shutil.ignore_patterns("__pycache__", "node_modules", ".*")
        shutil.copytree(ROOT / name, to / name, ignore=ignored)
    shutil.copytree(ROOT / "docs", to / "docs")
    for name in _FILES:
        shutil.copy(ROOT / name, to / name)


def plant(bug: Bug, tree: Path) -> None:
    """Make the wrong change. Raises BugError."""
    path = tree / bug.file
    text = path.read_text()
    if text.count(bug.text) != 1 or not bug.text:
        raise BugError(f"{bug.name}: its text stands {text.count(bug.text)} times in {bug.file}")
    path.write_text(text.replace(bug.text, bug.wrong))


def mend(bug: Bug, tree: Path) -> None:
    """Take the change back."""
    shutil.copy(ROOT / bug.file, tree / bug.file)


def hunt(bug: Bug, tree: Path, seeds: int, generator: str = "operations") -> Found:
    """Let the tests and the world look at a planted bug."""
    started = time.monotonic()
    by = []
    if bug.tests and _run(_pytest(bug.tests), tree, _TEST_SECONDS).returncode == 1:
        by.append("tests")
    took = 0
    if bug.world and seeds:
        done = _run(["-c", _PLAY, "1", str(seeds), generator], tree, _WORLD_SECONDS)
        if done.returncode == 1:
            by.append("world")
            # An error at its import ends it too, before the first seed.
            took = int(done.stdout) if done.stdout.strip() else 1
    return Found(bug.name, by, took, round(time.monotonic() - started, 1))


def confirm(bug: Bug, found: Found, tree: Path, generator: str = "operations") -> None:
    """Let those who found a bug look again where they did, now that it is mended. Raises BugError
    if they still cry out: what fails anyway finds nothing."""
    if "tests" in found.by:
        last_failed = [*_pytest(bug.tests), "--last-failed", "--last-failed-no-failures", "none"]
        if _run(last_failed, tree, _TEST_SECONDS).returncode != 0:
            raise BugError(f"{bug.name}: the test that found it fails without it")
    if "world" in found.by:
        seed = str(found.seeds)
        if _run(["-c", _PLAY, seed, seed, generator], tree, _WORLD_SECONDS).returncode != 0:
            raise BugError(f"{bug.name}: seed {seed} of the world fails without it")


def _pytest(targets: Sequence[str]) -> list[str]:
    return ["-m", "pytest", "-x", "-q", "-p", "no:xdist", *targets]


def _run(arguments: list[str], tree: Path, seconds: float) -> "subprocess.CompletedProcess[bytes]":
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tree,
            # Bytecode is known by its second and its size, and a bug comes and goes in less.
            env={
                **os.environ,
                "PYTHONPATH": str(tree),
                "PYTHONDONTWRITEBYTECODE": "1",
                "CAMPAIGN": "",
            },
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        # Not found: the machine may be slow.
        return subprocess.CompletedProcess(arguments, _TOO_LONG, b"", b"")
    if done.returncode not in (0, 1):
        raise BugError(f"{' '.join(arguments)}: status {done.returncode}\n{done.stdout.decode()}")
    return done


def hunt_all(bugs: Sequence[Bug], seeds: int, generator: str) -> list[Found]:
    """Plant each of these bugs, and see who finds it. Raises BugError."""
    with tempfile.TemporaryDirectory(prefix="tallystick-planted-") as name:
        tree = Path(name)
        copy_tree(tree)
        results = []
        for bug in bugs:
            plant(bug, tree)
            results.append(hunt(bug, tree, seeds, generator))
            mend(bug, tree)
            confirm(bug, results[-1], tree, generator)
            found = ", ".join(results[-1].by) or "NOBODY"
            sys.stderr.write(f"{bug.name}: {found} ({results[-1].seconds} s)\n")
        return results


def main() -> int:
    """The campaign; status 1 if a bug was not found by all who must."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="bugs whose name holds this text")
    parser.add_argument("--seeds", type=int, default=50, help="seeds for the world, 0 for none")
    parser.add_argument(
        "--generator", choices=tuple(GENERATORS), default="operations", help="whose seeds"
    )
    parser.add_argument("--world-alone", action="store_true", help="let no test look")
    options = parser.parse_args()
    bugs = [bug for bug in BUGS if options.only in bug.name]
    if options.world_alone:
        bugs = [replace(bug, tests=()) for bug in bugs if bug.world]
    results = hunt_all(bugs, options.seeds, options.generator)
    sys.stdout.write(json.dumps([asdict(each) for each in results], indent=1) + "\n")
    missed = [bug.name for bug, each in zip(bugs, results, strict=True) if must(bug) - {*each.by}]
    if missed:
        sys.stderr.write(f"not found by all who must: {', '.join(missed)}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
