"""A bug that would lose, double or invent money is found: by tests that take seconds, or by the
world. `python -m tests.planted.run` plants all of them."""

import os
import random
from pathlib import Path

import pytest

from tests.planted.bugs import BUGS, Bug
from tests.planted.run import ROOT, BugError, confirm, copy_tree, hunt, mend, must, plant
from tests.sizes import size

COUNT = size("planted", 8, len(BUGS))
SEEDS = size("planted_seeds", 10, 50)


def chosen() -> list[Bug]:
    """Some of all rooms: the same ones each time, whatever their order in the list."""
    by_room: dict[str, list[Bug]] = {}
    for bug in random.Random(1).sample(BUGS, len(BUGS)):
        by_room.setdefault(bug.file.partition("/")[0], []).append(bug)
    found: list[Bug] = []
    while len(found) < min(COUNT, len(BUGS)):
        found += [bugs.pop() for bugs in by_room.values() if bugs]
    return found[:COUNT]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of everything, to plant bugs in."""
    folder = tmp_path_factory.mktemp("planted")
    copy_tree(folder)
    return folder


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_bug_can_be_planted(bug: Bug) -> None:
    assert bug.text
    assert (ROOT / bug.file).read_text().count(bug.text) == 1
    assert bug.wrong != bug.text
    assert bug.tests or bug.world


@pytest.mark.timeout(900)
@pytest.mark.parametrize("bug", chosen(), ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: Bug, tree: Path) -> None:
    plant(bug, tree)
    try:
        # In each run the world looks only where no test is named: it takes longer.
        seeds = SEEDS if os.environ.get("CAMPAIGN") or not bug.tests else 0
        found = hunt(bug, tree, seeds)
    finally:
        mend(bug, tree)
    missing = must(bug) - {*found.by} - (set() if seeds else {"world"})
    assert not missing, f"{bug.name}: not found by {missing}"
    confirm(bug, found, tree)


def test_what_fails_anyway_finds_nothing(tree: Path) -> None:
    (tree / "tests" / "test_broken.py").write_text(
        "def test_broken() -> None:\n    raise OSError\n"
    )
    bug = Bug("any", "gateway/config.py", "", "", "", ("tests/test_broken.py",))
    found = hunt(bug, tree, 0)
    assert found.by == ["tests"]
    with pytest.raises(BugError, match="the test that found it fails without it"):
        confirm(bug, found, tree)
