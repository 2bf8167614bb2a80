"""Makes up how prices change beside everything else. Drawn apart from the rest of a story, into
which it is then woven.
"""

from random import Random

from simulator.world.actions_money import Sequence, woven
from simulator.world.story import Operation

_LIKELY = 0.4
_FRACTIONS = ((1, 2), (2, 3), (1, 3), (3, 2), (1, 1), (5, 4))
"""Of the first price. Not so much more that what a device tops up by pays for no unit."""


def weave(seed: int, operations: list[Operation], tariffs: int) -> list[Operation]:
    """A story with changes of prices woven in, in some of the seeds; none comes before the story's
    first operation."""
    draw = Random(f"prices {seed}")
    if draw.random() >= _LIKELY:
        return operations
    changes: list[Sequence] = []
    if draw.random() < 0.5:
        minutes = draw.choice((2, 10, 20))
        changes.append([["band", draw.randrange(tariffs), *draw.choice(_FRACTIONS[:4]), minutes]])
        changes += [[["prices_due"]] for _ in range(draw.randint(3, 12))]
    for _ in range(draw.randint(1, 8)):
        change: Operation = ["price", draw.randrange(tariffs), *draw.choice(_FRACTIONS)]
        wait: Sequence = [["wait", 1_500]] if draw.random() < 0.5 else []
        changes.append([change, *wait])
    ends = _ends(Random(f"grace {seed}"), tariffs)
    return operations[:1] + woven(draw, operations[1:], changes + ends)


def _ends(draw: Random, tariffs: int) -> list[Sequence]:
    """Prices that end, some at once and some before a device has heard of the next one."""
    if draw.random() < 0.5:
        return []
    found: list[Sequence] = []
    for _ in range(draw.randint(1, 4)):
        change: Operation = ["price", draw.randrange(tariffs), *draw.choice(_FRACTIONS)]
        grace, wait = draw.choice(((0, 1), (0, 1), (0, 25), (1, 1_500), (20, 30_000)))
        found.append([["grace", grace], change, ["wait", wait], ["prices_due"]])
    return found
