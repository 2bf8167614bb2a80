"""`tallystick world`: what it prints, its exit status, and the story it leaves behind."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.settlement import instructions
from simulator.world.actions import options_of
from simulator.world.cli import app
from simulator.world.faults import KINDS
from simulator.world.run import play
from simulator.world.scenarios import PLOTS, make
from simulator.world.seeds import GENERATORS, the_oracle
from simulator.world.story import Story

RUN = CliRunner()


def test_a_seed_prints_its_options_what_took_effect_and_its_hashes() -> None:
    done = RUN.invoke(app, ["--seed", "4"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "seed: 4"
    for start in ("accounts: ", "tariffs: ", "devices: ", "trace ", "database "):
        assert any(line.startswith(start) for line in lines)
    assert lines[-1] == "every invariant held"


def test_a_seed_as_json() -> None:
    done = RUN.invoke(app, ["--seed", "4", "--json"])
    found = json.loads(done.stdout)
    assert (found["seed"], found["ok"], found["failure"]) == (4, True, "")
    assert found["options"]["seed"] == 4
    assert set(found["faults"]) <= set(KINDS)


def test_a_seed_of_a_plot_names_it_and_tells_it_in_a_line() -> None:
    done = RUN.invoke(app, ["--generator", "scenarios", "--seed", "1"])
    assert done.exit_code == 0
    plot = PLOTS[1]
    assert done.stdout.splitlines()[0] == f"{plot.name}: {plot.words}"
    assert f"trace {play(make(1), the_oracle()).trace}" in done.stdout.splitlines()


def test_seeds_on_two_processes_are_what_they_are_on_one() -> None:
    one, two = (
        json.loads(RUN.invoke(app, ["--seeds", "4..6", "--json", "--jobs", jobs]).stdout)
        for jobs in ("1", "2")
    )
    assert one["seeds"] == 3
    assert {**one, "seconds": 0} == {**two, "seconds": 0}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ([], "give one of them"),
        (["--seed", "1", "--seeds", "1..2"], "give one of them"),
        (["--seeds", "5"], "must be A..B"),
        (["--seeds", "5..1"], "must be A..B"),
    ],
)
def test_what_it_can_not_play_is_said(arguments: list[str], what: str) -> None:
    done = RUN.invoke(app, arguments)
    assert done.exit_code == 2
    assert what in done.output


def test_a_failure_leaves_a_short_story_that_plays_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = instructions.outcome_entry

    def as_if_done(*before: Any) -> Any:
        *owed, outcome, note, at = before
        return real(*owed, "done" if outcome == "failed" else outcome, note, at)

    monkeypatch.setattr(instructions, "outcome_entry", as_if_done)
    monkeypatch.setitem(
        GENERATORS,
        "operations",
        lambda seed: Story(
            options_of(seed),
            [["wait", 2000], ["consume", 0, 5], ["wait", 500], ["rail_reject", 1], ["wait", 90]],
        ),
    )
    done = RUN.invoke(app, ["--seed", "4", "--save", str(tmp_path)])
    assert done.exit_code == 1
    assert "the rail will refuse 1 instructions" in done.output
    path = tmp_path / "story-4.json"
    assert f"tallystick world --story {path}" in done.output
    again = RUN.invoke(app, ["--story", str(path)])
    assert again.exit_code == 1
    monkeypatch.undo()
    assert RUN.invoke(app, ["--story", str(path)]).exit_code == 0
