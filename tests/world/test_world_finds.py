"""The world finds what is broken: gateways with one rule left out, and the short story of each."""

from typing import Any

import pytest

from gateway.settlement import instructions
from gateway.store import channels
from simulator.world.actions import make
from simulator.world.run import Outcome, play
from simulator.world.shrink import in_words, shrink
from simulator.world.story import Story
from tests.world.standin import StandIn

SEEDS = 40


def played(story: Story) -> Outcome:
    return play(story, StandIn)


def first_failure() -> tuple[Story, Outcome]:
    for seed in range(SEEDS):
        story = make(seed)
        outcome = played(story)
        if not outcome.ok:
            return story, outcome
    raise AssertionError(f"{SEEDS} seeds found nothing")


def test_an_ack_without_its_commit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "raise_marks", lambda _conn, rows: len(rows))
    _story, outcome = first_failure()
    assert outcome.number == 7


def test_a_forgotten_refusal_of_the_rail_is_found_and_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = instructions.outcome_entry

    def as_if_done(
        id_: str, account: str, rail: str, currency: str, owed: int, outcome: str, *more: Any
    ) -> Any:
        said = "done" if outcome == "failed" else outcome
        return real(id_, account, rail, currency, owed, said, *more)

    monkeypatch.setattr(instructions, "outcome_entry", as_if_done)
    story, outcome = first_failure()
    short, found = shrink(story, outcome, played)
    assert found.failure.partition(":")[0] == outcome.failure.partition(":")[0]
    assert len(short.operations) <= 8 < len(story.operations)
    assert any("refuse" in line for line in in_words(short))
    monkeypatch.undo()
    assert played(short).ok
