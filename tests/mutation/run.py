"""Mutation testing of the money core: python -m tests.mutation.run [FILE...] [--sample N].

For each mutant a process is forked, in which the module is the mutant; the mapped tests run until
one fails. A mutant that no test notices has survived: it is either no fault at all, and then stands
in `survivors.txt` with the reason, or a test is missing. Status 0 if at least 95 of 100 mutants are
killed and no survivor is unexplained, else 1.
"""

import argparse
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from tests.mutation.core import CORE, WITHOUT_SERVICES
from tests.mutation.mutate import Mutant, mutants

ROOT = Path(__file__).parents[2]
SURVIVORS = Path(__file__).with_name("survivors.txt")
TARGET = 95
"""Of 100 mutants so many must be killed."""
_SECONDS = 120
_KILLED, _SURVIVED, _SLOW = "killed", "SURVIVED", "timed out"


class _Mutated(importlib.abc.Loader, importlib.abc.MetaPathFinder):
    """Loads one module from a mutant's source, all others as ever."""

    def __init__(self, module: str, source: str) -> None:
        self._module = module
        self._source = source

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._module:
            return None
        file = str(ROOT / (name.replace(".", "/") + ".py"))
        return importlib.util.spec_from_file_location(name, file, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, str(module.__file__), "exec"), module.__dict__)


def explained() -> dict[str, str]:
    """Survivors that are no faults, `FILE: MUTANT`, each with the reason."""
    found = {}
    for line in SURVIVORS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, reason = line.partition(" | ")
            if not reason:
                raise ValueError(f"{SURVIVORS.name}: no reason given for {name}")
            found[name] = reason
    return found


def try_one(file: str, mutant: Mutant) -> str:
    """What came of a mutant. In a fork: what is imported here already need not be again."""
    child = os.fork()
    if child == 0:
        os.setsid()
        os._exit(_in_child(file, mutant))
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return _SURVIVED if os.waitstatus_to_exitcode(status) == 0 else _KILLED
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return _SLOW


def _in_child(file: str, mutant: Mutant) -> int:
    import pytest

    sys.meta_path.insert(0, _Mutated(file.removesuffix(".py").replace("/", "."), mutant.source))
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", WITHOUT_SERVICES]
    # The forks share what is imported already, which pytest warns of.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        return int(pytest.main([*options, "--rootdir", str(ROOT), *CORE[file]]))


def _warm_up() -> None:
    """Import what all tests need and no mutant is in."""
    for name in ("hypothesis.strategies", "sqlalchemy", "sqlmodel", "alembic", "nacl.signing",
                 "pytest", "hypothesis.stateful", "pydantic", "structlog", "psycopg",
                 "cbor2", "testcontainers"):  # fmt: skip
        with contextlib.suppress(ImportError, DeprecationWarning):
            __import__(name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as told; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help=f"of: {', '.join(CORE)}")
    parser.add_argument("--sample", type=int, help="only so many mutants, taken by --seed")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    os.chdir(ROOT)
    _warm_up()
    work = [
        (file, mutant)
        for file in given.files or CORE
        for mutant in mutants((ROOT / file).read_text(encoding="utf-8"))
    ]
    if given.sample is not None:
        work = random.Random(given.seed).sample(work, min(given.sample, len(work)))
    for file in {file for file, _ in work}:
        # Were the tests red on the module as it is, each mutant would look killed.
        if try_one(file, Mutant("none", 0, (ROOT / file).read_text(encoding="utf-8"))) != _SURVIVED:
            print(f"{file}: its tests fail without any mutant")
            return 1
    known = explained()
    killed, survivors = 0, []
    started = time.monotonic()
    for file, mutant in work:
        result = try_one(file, mutant)
        killed += result != _SURVIVED
        if result != _KILLED:
            name = f"{file}: {mutant.name}"
            if result == _SURVIVED:
                survivors.append(name)
            reason = f" ({known[name]})" if name in known else ""
            print(f"{result} {file}:{mutant.line}: {mutant.name}{reason}", flush=True)
    unexplained = [name for name in survivors if name not in known]
    score = 100 * killed / len(work)
    print(
        f"{len(work)} mutants in {time.monotonic() - started:.0f} s: {killed} killed, "
        f"{score:.1f} %; {len(survivors)} survived, {len(unexplained)} of them unexplained"
    )
    # A few mutants make no score: there only what is not explained counts.
    return 0 if (score >= TARGET or given.sample is not None) and not unexplained else 1


if __name__ == "__main__":
    sys.exit(main())
