"""Calls of `tallystick`, each in a process of its own that is forked from one that has loaded it.

A call has its own arguments, environment, folder, output and exit status, as from a shell. What is
shared is the time that Python takes to load the program, which is most of a call's. Whole processes
are started where that is what a test is about, and by everything in `tests/e2e`.
"""

import atexit
import gc
import json
import os
import pkgutil
import select
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

_SECONDS = 60.0
_LOADED = ("alembic.command", "alembic.config", "psycopg", "typer.rich_utils")
"""What commands import where they need it, beside their own modules."""


def call(
    words: Sequence[str], environment: Mapping[str, str], folder: Path
) -> tuple[int, str, str]:
    """Run it in a folder; its exit status, output and errors. Raises TimeoutError."""
    with tempfile.TemporaryDirectory(prefix="tallystick-call-") as name:
        out, err = Path(name) / "out", Path(name) / "err"
        asked = {"words": list(words), "environment": dict(environment), "folder": str(folder)}
        process = _process()
        assert process.stdin is not None
        assert process.stdout is not None
        line = json.dumps(asked | {"out": str(out), "err": str(err)}).encode() + b"\n"
        process.stdin.write(line)
        process.stdin.flush()
        if not select.select([process.stdout], [], [], _SECONDS)[0]:
            _end(process)
            _process.cache_clear()
            raise TimeoutError(f"tallystick {' '.join(words)}: no end within {_SECONDS:.0f} s")
        return int(process.stdout.readline()), out.read_text(), err.read_text()


@cache
def _process() -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.cli.warm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "COLUMNS": "200"},
        bufsize=0,
        start_new_session=True,
    )
    atexit.register(_end, process)
    return process


def _end(process: "subprocess.Popen[bytes]") -> None:
    """With what it is forked into: they are of one group."""
    with process:
        if process.poll() is None:
            os.killpg(process.pid, 9)


def _load() -> None:
    for module in pkgutil.iter_modules(import_module("gateway.commands").__path__):
        import_module(f"gateway.commands.{module.name}")
    for name in _LOADED:
        import_module(name)


def _become(asked: dict[str, Any]) -> NoReturn:
    """The call, in this process, which ends with it."""
    from gateway.cli import main

    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(asked[name], os.O_WRONLY | os.O_CREAT, 0o600), number)
    status = 0
    try:
        main(asked["words"])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Without taking apart what was loaded, which takes longer than most calls.
    os._exit(status)


def serve() -> None:
    """Fork for each line on standard input, and answer with the exit status."""
    _load()
    gc.freeze()
    for line in iter(sys.stdin.buffer.readline, b""):
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
