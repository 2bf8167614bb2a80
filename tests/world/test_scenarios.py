"""Stories that have a plot: every plot holds every invariant and brings about what it is about."""

from collections import Counter, defaultdict
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest

from simulator.world import story as stories
from simulator.world.faults import KINDS
from simulator.world.perform import perform
from simulator.world.run import play
from simulator.world.scenarios import PLOTS, make
from simulator.world.scenarios.scene import Scene
from simulator.world.seeds import outcomes
from simulator.world.world import World
from tests.sizes import size
from tests.test_rooms import imports
from tests.world.standin import StandIn

ROOT = Path(__file__).parents[2]
WORLD = ROOT / "simulator" / "world"
TELLINGS = 5
"""How often each plot is told in each run."""


@pytest.mark.timeout(36_000)
@pytest.mark.threat("D2", "D5", "D8", "D9", "D12", "D13", "D16", "N1", "N2", "N3", "N4", "N6", "N7")
@pytest.mark.threat("C1", "C2", "C4", "C7", "C8", "C11", "C14", "O4", "T1", "G6", "G7")
def test_every_plot_holds_every_invariant_and_brings_about_what_it_is_about() -> None:
    count = size("scenarios", 200, 50_000)
    faults: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes(range(count), generator="scenarios"):
        command = f"tallystick world --generator scenarios --seed {outcome.seed}"
        assert outcome.ok, f"{command}: {outcome.plot}: {outcome.failure}"
        faults[outcome.plot].update(outcome.faults)
    if count >= TELLINGS * len(PLOTS):
        missing = {
            plot.name: [kind for kind in plot.brings if not faults[plot.name][kind]]
            for plot in PLOTS
        }
        assert {name: kinds for name, kinds in missing.items() if kinds} == {}


MOMENTS = {
    "full": "SELECT count(*) FROM channel WHERE amount = capacity",
    "each_unit": "SELECT count(*) > 20 FROM channel WHERE amount = capacity",
    "chains": "SELECT count(*) FROM channel WHERE tick_index > 0",
    "expiry": "SELECT count(*) FROM run JOIN channel ON expires_at = period_end"
    " WHERE close_reason = 'expired'",
    "parts": "SELECT count(*) FROM run WHERE parts > 2",
    "month": "SELECT count(*) FROM instruction WHERE state = 'failed'",
    "credit_deaths": "SELECT count(*) FROM channel WHERE mirror_of IS NOT NULL AND amount > 0",
    "missed_ends": "SELECT count(*) > 12 FROM channel WHERE mirror_of IS NOT NULL AND amount > 0",
    "legs": "SELECT count(*) >= 9 FROM leg",
    "claims": "SELECT count(*) >= 3 FROM channel WHERE xrpl_channel IS NOT NULL AND amount > 0",
    "sessions": "SELECT count(*) FROM leg WHERE amount = 0",
    "ends": "SELECT count(*) FROM follower WHERE ended_at IS NOT NULL",
    "idle": "SELECT count(*) FROM channel JOIN tariff ON tariff.id = tariff_id"
    " WHERE unit = 's' AND units > 5",
    "cheat": "SELECT count(*) FROM evidence",
    "credit": "SELECT sum(amount) > 6 * max(capacity) FROM channel WHERE payer_account = 'depot'",
}
"""What the books must show after one of the first tellings of a plot, before it is mended."""


@pytest.mark.parametrize("name", MOMENTS)
def test_the_moment_that_a_plot_aims_at_comes_about(name: str) -> None:
    number = [plot.name for plot in PLOTS].index(name)
    found = 0
    for variant in range(TELLINGS):
        story = make(number + variant * len(PLOTS))
        with World(story.options, StandIn) as world:
            for operation in story.operations:
                perform(world, operation)
            with closing(world.storage.read()) as conn:
                found += conn.execute(MOMENTS[name]).fetchone()[0]
    assert found


def test_each_run_tells_every_plot_several_times() -> None:
    told = Counter(make(seed).plot for seed in range(TELLINGS * len(PLOTS)))
    assert told == {plot.name: TELLINGS for plot in PLOTS}


def test_plots_are_many_named_and_about_faults_that_are_counted() -> None:
    assert len(PLOTS) >= 15
    assert len({plot.words for plot in PLOTS}) == len(PLOTS)
    assert all(plot.brings and set(plot.brings) <= set(KINDS) for plot in PLOTS)


def _reached(file: Path, found: set[str]) -> set[str]:
    """The modules of this project that a file imports, and those that they import."""
    for name in imports(file):
        parts = name.split(".")
        for end in range(len(parts), 0, -1):
            base = ROOT.joinpath(*parts[:end])
            module = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
            if module.is_file():
                if ".".join(parts[:end]) not in found:
                    found.add(".".join(parts[:end]))
                    _reached(module, found)
                break
    return found


def test_the_two_generators_share_nothing_but_what_a_story_is() -> None:
    first = _reached(WORLD / "actions.py", set())
    second = set()
    for file in sorted((WORLD / "scenarios").glob("*.py")):
        second |= _reached(file, set())
    assert {name for name in second if not name.startswith("simulator.world.scenarios")} == {
        "simulator.world.story"
    }
    assert not any(name.startswith("simulator.world.scenarios") for name in first)


def test_no_two_plots_are_told_by_one_function_and_each_says_how_in_words() -> None:
    tellers = [plot.tell for plot in PLOTS]
    assert len(set(tellers)) == len(tellers)
    assert all(each.__doc__ for each in tellers)


def test_tellings_go_through_all_choices_at_once_and_through_all_their_combinations() -> None:
    def asked(variant: int) -> tuple[str, int, str]:
        scene = Scene(0, variant)
        return scene.over("abc"), scene.over(range(4)), scene.over("xy")

    first = [asked(variant) for variant in range(4)]
    assert [len(set(column)) for column in zip(*first, strict=True)] == [3, 4, 2]
    all_of_them = [asked(variant) for variant in range(3 * 4 * 2)]
    assert sorted(all_of_them) == sorted(product("abc", range(4), "xy"))


@pytest.mark.parametrize("seed", [2, 20])
def test_the_same_seed_is_the_same_story_and_the_same_run(seed: int) -> None:
    assert make(seed) == make(seed)
    first, again = (play(make(seed), StandIn) for _ in range(2))
    assert (first.trace, first.database, first.plot) == (again.trace, again.database, again.plot)


def test_a_story_keeps_its_plot_in_its_file(tmp_path: Path) -> None:
    story = make(7)
    story.write(tmp_path / "story.json")
    assert stories.read(tmp_path / "story.json") == story


def test_the_page_has_the_table_of_plots() -> None:
    page = (ROOT / "docs" / "world.md").read_text(encoding="utf-8")
    table = page.partition("## Plots")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{plot.name}` | {plot.words} |" for plot in PLOTS]
