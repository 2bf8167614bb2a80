"""Makes up who stands where and consumes nothing, beside everything else. Drawn apart from the rest
of a story, into which it is then woven.
"""

from random import Random

from simulator.world.actions_money import Sequence, woven
from simulator.world.story import DeviceOptions, Operation


def weave(seed: int, operations: list[Operation], devices: list[DeviceOptions]) -> list[Operation]:
    """A story with people who come and go woven in, where there are places that are watched; none
    comes before the story's first operation."""
    draw = Random(f"idle {seed}")
    places = [number for number, each in enumerate(devices) if each.idle_of >= 0]
    visits: list[Sequence] = []
    for _ in range(draw.randint(1, 6) if places else 0):
        place = draw.choice(places)
        stays: Operation = ["wait", draw.choice((900, 4_000, 35_000))]
        visits.append([["park", place], stays, ["leave", place]])
    return operations[:1] + woven(draw, operations[1:], visits)
