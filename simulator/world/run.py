"""One story, from its beginning to its end, and what came of it.

First trouble, then everything is mended, then all must come to rest within bounded time; then what
is left is settled, and model, books and rail must agree.
"""

import sqlite3
from collections import Counter
from dataclasses import dataclass, field

from structlog.testing import capture_logs

from simulator.world.heal import settle_all
from simulator.world.perform import perform
from simulator.world.story import Story, StoryError
from simulator.world.watch import OracleMaker
from simulator.world.world import World


@dataclass(frozen=True)
class Outcome:
    """What came of a story. `failure` is empty if every invariant held; `number` is the invariant
    that did not (0: something else, such as an error nobody expected)."""

    seed: int
    steps: int
    operations: int
    virtual_ms: int
    trace: str
    database: str
    faults: Counter[str]
    failure: str = ""
    number: int = 0
    last: list[str] = field(default_factory=list)
    plot: str = ""

    @property
    def ok(self) -> bool:
        """Whether all held."""
        return not self.failure


def play(story: Story, oracle: OracleMaker) -> Outcome:
    """Run a story. Raises StoryError if it can't be played."""
    # What the gateway logs has a wall clock's times in it, and nobody reads it here.
    with capture_logs(), World(story.options, oracle) as world:
        failure, number = "", 0
        try:
            for operation in story.operations:
                perform(world, operation)
            settle_all(world)
        except StoryError:
            raise
        except Exception as error:  # noqa: BLE001  whatever nobody expected is what we look for
            failure = f"{type(error).__name__}: {error}"
            number = int(getattr(error, "number", 0))
        try:
            digest = world.database_digest()
        except sqlite3.DatabaseError as error:
            # What a database that is no longer one holds can't be told, and is a finding.
            digest = ""
            failure = failure or f"{type(error).__name__}: {error}"
        return Outcome(
            story.options.seed,
            world.clock.steps,
            len(story.operations),
            world.clock.now,
            world.trace.digest(),
            digest,
            world.faults.counts,
            failure,
            number,
            list(world.trace.last)[-40:] if failure else [],
            story.plot,
        )
