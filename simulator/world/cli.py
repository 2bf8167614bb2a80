"""`tallystick world`: play seeds or stories, and say what came of them."""

import json
import re
import time
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from simulator.world import seeds as many
from simulator.world import story as stories
from simulator.world.faults import KINDS
from simulator.world.run import Outcome, play
from simulator.world.scenarios import PLOTS
from simulator.world.shrink import in_words, shrink

app = typer.Typer(add_completion=False)
_RANGE = re.compile(r"([0-9]{1,12})\.\.([0-9]{1,12})")
_TOLD_SECONDS = 5.0
_WORDS = {plot.name: plot.words for plot in PLOTS}


class Generator(StrEnum):
    """What makes up the story of a seed."""

    operations = "operations"
    scenarios = "scenarios"


def _fail(message: str, status: int = 2) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(status)


@app.command()
def world(
    seed: Annotated[int | None, typer.Option(min=0, help="Play one seed.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Play seeds A..B, both included.")] = None,
    story: Annotated[Path | None, typer.Option(help="Play a story from a file.")] = None,
    generator: Annotated[
        Generator, typer.Option(help="What seeds are: random operations, or stories with a plot.")
    ] = Generator.operations,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes, with --seeds.")] = 1,
    save: Annotated[Path, typer.Option(help="Folder for the short story of a failure.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON.")] = False,
) -> None:
    """Run devices, broker, gateway, operator and rail in virtual time, with faults, and check that
    no money is lost, doubled or invented.

    The same seed of one generator is always the same run. Exit status 1 if an invariant did not
    hold; the story that broke it is then cut down, told, and written to a file that --story plays
    again.
    """
    if [seed, seeds, story].count(None) != 2:
        raise _fail("--seed, --seeds, --story: give one of them")
    try:
        many.the_oracle()
        import_module("gateway.settlement.rails.sepa.rail")
    except ImportError as error:
        raise _fail(f"world: needs the extra tallystick[world] ({error})", 1) from None
    if seeds is not None:
        _play_many(generator, _range(seeds), jobs, save, as_json)
        return
    try:
        chosen = stories.read(story) if story is not None else _made(generator, seed or 0)
        outcome = play(chosen, many.the_oracle())
    except stories.StoryError as error:
        raise _fail(f"--story: {error}") from None
    if as_json:
        typer.echo(json.dumps(_facts(outcome) | {"options": _options(chosen)}))
    else:
        _tell_one(chosen, outcome)
    if not outcome.ok:
        if story is None:
            _tell_short(chosen, outcome, save)
        raise typer.Exit(1)


def _made(generator: Generator, seed: int) -> stories.Story:
    return many.GENERATORS[generator](seed)


def _range(text: str) -> range:
    match = _RANGE.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]):
        raise _fail("--seeds: must be A..B, as 0..299")
    return range(int(match[1]), int(match[2]) + 1)


def _options(story: stories.Story) -> dict[str, Any]:
    return json.loads(stories.text(story))["options"]  # type: ignore[no-any-return]


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "seed": outcome.seed,
        "plot": outcome.plot,
        "ok": outcome.ok,
        "failure": outcome.failure,
        "invariant": outcome.number,
        "operations": outcome.operations,
        "steps": outcome.steps,
        "virtual_seconds": outcome.virtual_ms // 1000,
        "faults": dict(sorted(outcome.faults.items())),
        "trace": outcome.trace,
        "database": outcome.database,
    }


def _tell_one(story: stories.Story, outcome: Outcome) -> None:
    if story.plot:
        typer.echo(f"{story.plot}: {_WORDS.get(story.plot, 'a plot that is told no more')}")
    for name, value in _options(story).items():
        typer.echo(f"{name}: {json.dumps(value)}")
    typer.echo(
        f"{outcome.operations} operations, {outcome.steps} steps, "
        f"{outcome.virtual_ms // 1000} virtual seconds"
    )
    for kind, count in sorted(outcome.faults.items()):
        typer.echo(f"  {count:5} {kind}")
    typer.echo(f"trace {outcome.trace}")
    typer.echo(f"database {outcome.database}")
    typer.echo("every invariant held" if outcome.ok else f"FAILED {outcome.failure}")


def _name(outcome: Outcome) -> str:
    return f"seed {outcome.seed}" + (f" ({outcome.plot})" if outcome.plot else "")


def _tell_short(story: stories.Story, outcome: Outcome, save: Path) -> None:
    typer.echo(f"{_name(outcome)}: {outcome.failure}\nlooking for a short story ...", err=True)
    short, found = shrink(story, outcome, lambda each: play(each, many.the_oracle()))
    path = save / f"{story.plot or 'story'}-{outcome.seed}.json"
    short.write(path)
    typer.echo(f"{found.failure}\nafter:", err=True)
    for line in in_words(short):
        typer.echo(f"  {line}", err=True)
    typer.echo(f"replay: tallystick world --story {path}", err=True)


def _play_many(generator: Generator, seeds: range, jobs: int, save: Path, as_json: bool) -> None:
    totals = many.Totals()
    began = told = time.monotonic()
    for outcome in many.outcomes(seeds, jobs, generator):
        totals.add(outcome)
        if not outcome.ok:
            typer.echo(f"{_name(outcome)}: {outcome.failure}", err=True)
        if time.monotonic() - told > _TOLD_SECONDS:
            told = time.monotonic()
            typer.echo(
                f"{totals.seeds} of {len(seeds)} seeds, {len(totals.failed)} failed, "
                f"{totals.seeds / (told - began):.1f} seeds/s",
                err=True,
            )
    seconds = time.monotonic() - began
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "seeds": totals.seeds,
                    "failed": [_facts(each) for each in totals.failed],
                    "steps": totals.steps,
                    "virtual_seconds": totals.virtual_ms // 1000,
                    "seconds": round(seconds, 1),
                    "faults": {kind: totals.faults[kind] for kind in KINDS},
                }
            )
        )
    else:
        for kind in KINDS:
            typer.echo(f"  {totals.faults[kind]:7} {kind}")
        typer.echo(
            f"{totals.seeds} seeds, {len(totals.failed)} failed, {totals.steps} steps, "
            f"{totals.virtual_ms // 3_600_000} virtual hours in {seconds:.0f} s "
            f"({totals.seeds / max(seconds, 0.001):.1f} seeds/s)"
        )
    if totals.failed:
        first = totals.failed[0]
        _tell_short(_made(generator, first.seed), first, save)
        raise typer.Exit(1)
