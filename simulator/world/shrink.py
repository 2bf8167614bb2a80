"""Cuts a story that fails down to a short one that fails in the same way (delta debugging: Zeller
and Hildebrandt, 2002), and tells it in words."""

from collections.abc import Callable
from dataclasses import replace

from simulator.world.perform import told
from simulator.world.run import Outcome
from simulator.world.story import Story

MOST_RUNS = 400
"""How many times a story is played to shorten it."""


def same_failure(one: Outcome, other: Outcome) -> bool:
    """Whether two failures are of one kind: the same invariant, or the same error."""
    kind = one.failure.partition(":")[0]
    return (kind, one.number) == (other.failure.partition(":")[0], other.number)


def shrink(
    story: Story, outcome: Outcome, play: Callable[[Story], Outcome], runs: int = MOST_RUNS
) -> tuple[Story, Outcome]:
    """The shortest story found in at most `runs` runs that fails as `outcome` did, and its own
    outcome."""
    best, found = story, outcome
    left = runs
    parts = 2
    while parts <= len(best.operations) and left > 0:
        size = -(-len(best.operations) // parts)
        for start in range(0, len(best.operations), size):
            left_over = best.operations[:start] + best.operations[start + size :]
            shorter = replace(best, operations=left_over)
            left -= 1
            tried = play(shorter)
            if same_failure(outcome, tried):
                best, found = shorter, tried
                parts = max(2, parts - 1)
                break
            if left <= 0:
                break
        else:
            if size == 1:
                break
            parts = min(len(best.operations), parts * 2)
    return best, found


def in_words(story: Story) -> list[str]:
    """The story, one line for each operation; waits that follow each other are one."""
    lines: list[str] = []
    waited = 0
    for operation in story.operations:
        if operation[0] == "wait":
            waited += int(operation[1])
            continue
        if waited:
            lines.append(told(["wait", waited]))
            waited = 0
        lines.append(told(operation))
    return lines
