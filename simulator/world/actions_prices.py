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
    return operations[:1] + woven(draw, operations[1:], changes + _ends(Random(f"grace {seed}")))


def _ends(draw: Random) -> list[Sequence]:
    """Prices that are granted for longer or shorter, and end: some at once."""
    if draw.random() < 0.5:
        return []
    found: list[Sequence] = [[["grace", draw.choice((0, 0, 1, 20, 900))]]]
    found += [[["prices_due"]] for _ in range(draw.randint(2, 8))]
    return found
