"""The deterministic world: seeds hold every invariant, and the same seed is the same run."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.store import engine
from simulator.world import story as stories
from simulator.world.actions import make
from simulator.world.faults import KINDS
from simulator.world.run import Outcome, play
from simulator.world.seeds import outcomes, the_oracle
from simulator.world.story import (
    DeviceOptions,
    Operation,
    Options,
    Story,
    StoryError,
    TariffOptions,
)
from tests.sizes import size
from tests.world.standin import StandIn

ROOT = Path(__file__).parents[2]
OF_PLOTS = {"disk_full"}
"""The kinds of fault that only stories with a plot bring about."""


@pytest.mark.timeout(36_000)
@pytest.mark.threat("D2", "D5", "D8", "D9", "D12", "D13", "D16", "N1", "N2", "N3", "N4", "N6", "N7")
@pytest.mark.threat("C1", "C2", "C7", "C8", "C11", "C14", "O4", "O6", "T1", "G6", "G7")
def test_seeds_hold_every_invariant_and_bring_about_every_fault() -> None:
    count = size("seeds", 100, 50_000)
    faults: Counter[str] = Counter()
    for outcome in outcomes(range(count)):
        assert outcome.ok, f"tallystick world --seed {outcome.seed}: {outcome.failure}"
        faults += outcome.faults
    assert len(faults) >= 60
    if count >= 200:
        assert {kind for kind in KINDS if not faults[kind]} == OF_PLOTS


def hashes(outcome: Outcome) -> tuple[str, str]:
    return outcome.trace, outcome.database


def test_whoever_buys_from_a_device_that_was_revoked_is_at_rest_without_a_channel() -> None:
    tariff = TariffOptions("W.h", 3, 2, "operator", 20, 300, 86_400)
    trade = [
        DeviceOptions("fleet", 0, 1, 300, buys_from=1),
        DeviceOptions("shop", 0, 1, 300, sells=True),
    ]
    accounts = [(name, "EUR", 10**9) for name in ("operator", "fleet", "shop")]
    story: list[Operation] = [["wait", 5_000], ["consume", 0, 9], ["wait", 100], ["revoke", 1]]
    closed: list[Operation] = [["close", 0], ["consume", 0, 9]]
    outcome = play(Story(Options(3, accounts, [tariff], trade), story + closed), the_oracle())
    assert outcome.ok, outcome.failure
    assert outcome.faults["closed_by_operator"] >= 1


@pytest.mark.parametrize("seed", [3, 11, 27])
def test_the_same_seed_is_the_same_run(seed: int) -> None:
    # In between another one, so that nothing of a process's past gets into a story.
    first = play(make(seed), StandIn)
    play(make(seed + 1), StandIn)
    assert hashes(play(make(seed), StandIn)) == hashes(first)


_PRINT_HASHES = """
from simulator.world.actions import make
from simulator.world.run import play
from tests.world.standin import StandIn
import json
print(json.dumps([[o.trace, o.database] for o in (play(make(s), StandIn) for s in (3, 11))]))
"""


def test_the_run_does_not_depend_on_how_a_process_hashes_strings() -> None:
    found = set()
    for seed in ("0", "1", "4242"):
        done = subprocess.run(
            [sys.executable, "-c", _PRINT_HASHES],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            check=True,
            timeout=100,
        )
        found.add(done.stdout)
    assert len(found) == 1
    assert len(json.loads(found.pop())) == 2


def test_a_story_is_played_from_its_file_alone(tmp_path: Path) -> None:
    story = make(5)
    story.write(tmp_path / "story.json")
    assert stories.read(tmp_path / "story.json") == story


@pytest.mark.parametrize(
    ("operation", "what"),
    [(["dance"], "there is no 'dance'"), (["consume", 1], "takes 2 arguments")],
)
def test_an_operation_that_does_not_exist_is_named(operation: list[str | int], what: str) -> None:
    with pytest.raises(StoryError, match=what):
        play(Story(make(1).options, [operation]), StandIn)


def test_a_file_that_is_no_story_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "story.json"
    path.write_text('{"operations": []}')
    with pytest.raises(StoryError, match="not a story"):
        stories.read(path)


def test_the_page_has_the_table_of_faults() -> None:
    page = (ROOT / "docs" / "world.md").read_text()
    rows = [line for line in page.partition("## Faults")[2].splitlines() if line.startswith("| `")]
    assert rows == [f"| `{kind}` | {what} |" for kind, what in KINDS.items()]


def test_a_commit_that_is_not_synced_is_found_where_power_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The disk truly forgets: with SQLite told not to sync, what was acknowledged is lost."""
    monkeypatch.setattr(engine, "_PRAGMAS", (("synchronous", "PRAGMA synchronous=OFF", 0),))
    told = [story for story in map(make, range(100)) if story.options.loses_power]
    assert any(not play(story, the_oracle()).ok for story in told)


def test_where_all_is_synced_a_power_cut_loses_no_more_than_a_kill() -> None:
    story = next(story for story in map(make, range(100)) if story.options.loses_power)
    on_a_folder = replace(story, options=replace(story.options, loses_power=False))
    assert hashes(play(story, StandIn)) == hashes(play(on_a_folder, StandIn))
