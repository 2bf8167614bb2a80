"""Runs fuzz targets: python -m tests.fuzz.run TARGET... --runs 200000 --seed 1 [--corpus FOLDER].

With atheris (libFuzzer) inputs are steered by coverage; without it, or with --engine plain, a
seeded mutator changes the corpus blindly, and says so. What breaks a target is saved in --found
(default: tests/fuzz/found), in a folder of the target's name, and is tried again by every test run
from then on. Without --runs each target has its usual number. Status 0: nothing was found; 1:
something was, and is named in the last lines; 2: there is no such target.
"""

import argparse
import importlib.util
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.target import Target

FOUND = Path(__file__).parent / "found"
_SECONDS_FOR_ONE_INPUT = 20


def engine_here() -> str:
    """`atheris` where it is installed, else `plain`."""
    return "atheris" if importlib.util.find_spec("atheris") else "plain"


def arguments() -> argparse.Namespace:
    """The command line's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="+", metavar="TARGET", help="names, `all`, or `list`")
    parser.add_argument("--runs", type=int, help="how many inputs for each")
    parser.add_argument("--seed", type=int, default=1, help="of the engine's randomness, 1..2^32-1")
    parser.add_argument("--corpus", type=Path, help="a folder of further inputs to begin with")
    parser.add_argument("--found", type=Path, default=FOUND, help="where to save what breaks one")
    parser.add_argument("--engine", choices=("atheris", "plain"), default=engine_here())
    return parser.parse_args()


def known_targets(engine: str) -> dict[str, Target]:
    """All targets. Atheris must see their modules imported, to tell which branches are reached."""
    if engine == "plain":
        from tests.fuzz.targets import TARGETS

        return TARGETS
    import atheris

    with atheris.instrument_imports(include=["protocol", "firmware", "gateway", "simulator"]):
        from tests.fuzz.targets import TARGETS
    return TARGETS


def main() -> int:
    """Run as told; the exit status."""
    given = arguments()
    targets = known_targets(given.engine)
    names = list(targets) if given.targets == ["all"] else given.targets
    if names == ["list"]:
        print("\n".join(targets))
        return 0
    if not set(names) <= set(targets):
        print(f"targets: must be of {', '.join(targets)}", file=sys.stderr)
        return 2
    good = True
    for name in names:
        target = targets[name]
        runs = given.runs or target.runs
        good &= run(target, given.engine, runs, given.seed, given.found / name, given.corpus)
    return 0 if good else 1


def run(
    target: Target, engine: str, runs: int, seed: int, found: Path, corpus: Path | None = None
) -> bool:
    """Fuzz one target, and tell what came of it; false if something was found, which is saved in
    the folder `found`. Inputs in it and in `corpus` are among those to begin with."""
    inputs = dict.fromkeys(target.seeds())
    for folder in (FOUND / target.name, found, corpus):
        if folder is not None and folder.is_dir():
            inputs |= {each.read_bytes(): None for each in sorted(folder.iterdir())}
    start = [data for data in inputs if len(data) <= target.max_len]
    print(f"{target.name}: {engine}, seed {seed}, {len(start)} inputs to begin with", flush=True)
    if engine == "plain":
        print("atheris is not at work: inputs are changed blindly, not steered by coverage")
    began = time.perf_counter()
    found.mkdir(parents=True, exist_ok=True)
    fuzz = _plain if engine == "plain" else _atheris
    good = fuzz(target, runs, seed, start, found)
    speed = runs / (time.perf_counter() - began)
    if not any(found.iterdir()):
        found.rmdir()
    if not good:
        print(f"{target.name}: BROKEN, by what is in {found}")
    else:
        print(f"{target.name}: {runs} inputs, {speed:.0f} per second, nothing found", flush=True)
    return good


def _plain(target: Target, runs: int, seed: int, start: Sequence[bytes], found: Path) -> bool:
    from tests.fuzz.mutator import Found, fuzz

    try:
        fuzz(target, runs, seed, start)
    except Found as error:
        traceback.print_exc()
        (found / f"crash-plain-{seed}").write_bytes(error.data)
        return False
    return True


def _atheris(target: Target, runs: int, seed: int, start: Sequence[bytes], found: Path) -> bool:
    """In a child of its own, since libFuzzer ends the process that it ran in."""
    import atheris

    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(start):
            (Path(folder) / f"{number:05}").write_bytes(data)
        child = os.fork()
        if child == 0:
            options = [
                "fuzz", f"-runs={runs}", f"-seed={seed}", f"-timeout={_SECONDS_FOR_ONE_INPUT}",
                f"-max_len={target.max_len}", f"-artifact_prefix={found}/", "-verbosity=0", folder,
            ]  # fmt: skip
            atheris.Setup(options, target.run)
            atheris.Fuzz()
            os._exit(0)
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


if __name__ == "__main__":
    sys.exit(main())
