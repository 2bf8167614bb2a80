"""Makes up wrong claims on the XRP Ledger beside everything else. Drawn apart from the rest of a
story, into which it is then woven.
"""

from random import Random

from simulator.world.actions_money import Sequence, woven
from simulator.world.adversary import MISCLAIMS
from simulator.world.story import DeviceOptions, Operation


def weave(seed: int, operations: list[Operation], devices: list[DeviceOptions]) -> list[Operation]:
    """A story with wrong claims woven in, if there are devices that pay by claims; none comes
    before the story's first operation."""
    claiming = [number for number, each in enumerate(devices) if each.claims]
    if not claiming:
        return operations
    draw = Random(f"claims {seed}")
    wrong: list[Sequence] = [
        [["misclaim", draw.choice(claiming), draw.choice(MISCLAIMS)]]
        for _ in range(draw.randint(1, 8))
    ]
    return operations[:1] + woven(draw, operations[1:], wrong)
