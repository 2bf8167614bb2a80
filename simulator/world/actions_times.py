"""Makes up when accounts are settled and who lets money move, and what goes wrong with it. Drawn
apart from the rest of a story, into which it is then woven.
"""

from collections.abc import Callable
from random import Random

from simulator.world.actions_money import Sequence, woven
from simulator.world.storage import POINTS
from simulator.world.story import Operation

_CRONS = ("*/10 * * * *", "0 * * * *", "30 2 * * *", "0 0 1 * *", "")
_ZONES = ("UTC", "Europe/Berlin", "America/New_York")
_LIKELY = 0.4
_DAY = 86_400


def _subject(draw: Random) -> int:
    return draw.choice((-1, -1, -1, -2, 0, 1, 2))


def _schedule(draw: Random) -> Sequence:
    subject = _subject(draw)
    approval = int(subject < 0 and draw.random() < 0.5)
    cron, zone = draw.choice(_CRONS), draw.choice(_ZONES)
    least = draw.choice((0, 0, 1, 30, 25_000))
    most_owed = draw.choice((0, 0, 1, 40, 250, 30_000))
    return [["schedule", subject, cron, zone, least, most_owed, approval], *_due(draw)]


def _due(draw: Random) -> Sequence:
    sleeps: Sequence = [["sleep", draw.choice((1, 1, 5, 24))]] if draw.random() < 0.3 else []
    return [*sleeps, ["due", int(draw.random() < 0.4)]]


def _debt(draw: Random) -> Sequence:
    most = draw.choice((1, 1, 40, 2_500))
    return [["schedule", _subject(draw), "", "UTC", 0, most, 0], ["due", 1]]


def _asking(draw: Random) -> Sequence:
    currency = draw.choice((-1, -1, -2))
    return [["schedule", currency, draw.choice(_CRONS), "Europe/Berlin", 0, 0, 1]]


def _deciding(draw: Random) -> Sequence:
    asking: Sequence = _asking(draw) if draw.random() < 0.6 else []
    begin: Operation = ["settle"] if draw.random() < 0.7 else ["due", 0]
    alone: Sequence = [["approve_run", 1]] if draw.random() < 0.4 else []
    decided: Operation = ["reject_run"] if draw.random() < 0.4 else ["approve_run", 0]
    again: Sequence = [["approve_again"]] if draw.random() < 0.2 else []
    late: Sequence = [["decide_late"]] if draw.random() < 0.4 else []
    return [*asking, begin, *alone, decided, *again, *late]


def _killed(draw: Random) -> Sequence:
    point = draw.choice(POINTS)
    after = draw.randrange(40 if point == "execute" else 4)
    what = draw.choice((_due, _due, _deciding, _schedule, _ending))
    return [["kill_money", point, after], *what(draw), *_due(draw)]


def _ending(draw: Random) -> Sequence:
    currency = draw.choice((-1, -1, -2))
    times = draw.randint(1, 3)
    ends: Sequence = [["end_approval", currency, int(draw.random() < 0.5)] for _ in range(times)]
    # One that sets it anew without approval, alone.
    anew: Operation = ["schedule", currency, "", "UTC", 0, 0, 0]
    return [*_asking(draw), *ends, anew] if draw.random() < 0.5 else ends


def _clock(draw: Random) -> Sequence:
    ahead = draw.choice((600, 3_600, _DAY, 40 * _DAY))
    back: Operation = ["gateway_clock", -ahead]
    return [["gateway_clock", ahead], *_due(draw), back, ["due", 1], *_due(draw)]


_KINDS: tuple[Callable[[Random], Sequence], ...] = (
    _schedule,
    _due,
    _due,
    _debt,
    _deciding,
    _deciding,
    _killed,
    _ending,
    _clock,
)


def weave(seed: int, operations: list[Operation]) -> list[Operation]:
    """A story with times and approvals woven in, in some of the seeds. Operations that belong
    together stay together, and none comes before the story's first."""
    draw = Random(f"times {seed}")
    if draw.random() >= _LIKELY:
        return operations
    sequences = [draw.choice(_KINDS)(draw) for _ in range(draw.randint(4, 14))]
    return woven(draw, operations, [_schedule(draw), *sequences])
