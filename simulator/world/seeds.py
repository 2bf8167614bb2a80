"""Many seeds, one after the other or in several processes, and what they came to in all."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from simulator.world import actions, scenarios
from simulator.world.run import Outcome, play
from simulator.world.story import Story
from simulator.world.watch import OracleMaker

GENERATORS: dict[str, Callable[[int], Story]] = {
    "operations": actions.make,
    "scenarios": scenarios.make,
}
"""What makes up the story of a seed: each has stories of its own."""


@dataclass
class Totals:
    """What seeds came to: how often each fault took effect, and which seeds failed."""

    seeds: int = 0
    steps: int = 0
    virtual_ms: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        self.seeds += 1
        self.steps += outcome.steps
        self.virtual_ms += outcome.virtual_ms
        self.faults.update(outcome.faults)
        if not outcome.ok:
            self.failed.append(outcome)


def the_oracle() -> OracleMaker:
    """The oracle that judges unless another is given. Raises ImportError where its libraries are
    not installed."""
    from simulator.world.oracle import Oracle

    return Oracle


def _one(generator: str, seed: int) -> Outcome:
    return play(GENERATORS[generator](seed), the_oracle())


def outcomes(
    seeds: Sequence[int], jobs: int = 1, generator: str = "operations"
) -> Iterator[Outcome]:
    """Play these seeds of one of GENERATORS; outcomes come in the seeds' order."""
    one = partial(_one, generator)
    if jobs <= 1:
        yield from map(one, seeds)
        return
    # Started anew, not forked: nothing of one process may get into another's story.
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(one, seeds, chunksize=4)
