"""Makes up stories that have a plot: what field engineers and attackers know to happen.

The second generator. It shares nothing with the first, random operations (`world.actions`), since a
simulator never finds what its generator never makes. Each seed tells the next plot, and each time
that a plot comes round it is told otherwise: its faults are aimed at the next of its tender
moments, in the next order.
"""

from simulator.world.scenarios import (
    attackers,
    boards,
    chain,
    channels,
    claims,
    keys,
    lines,
    machines,
    prices,
    settlements,
    trade,
)
from simulator.world.scenarios.scene import Plot, Scene
from simulator.world.story import Story

PLOTS: tuple[Plot, ...] = (
    *boards.PLOTS,
    *lines.PLOTS,
    *channels.PLOTS,
    *machines.PLOTS,
    *settlements.PLOTS,
    *attackers.PLOTS,
    *keys.PLOTS,
    *trade.PLOTS,
    *prices.PLOTS,
    *claims.PLOTS,
    *chain.PLOTS,
)
"""Seed n tells plot n modulo their number."""


def make(seed: int) -> Story:
    """The story of a seed."""
    scene = Scene(seed, seed // len(PLOTS))
    plot = PLOTS[seed % len(PLOTS)]
    options = plot.tell(scene)
    return Story(options, scene.operations, plot.name)
