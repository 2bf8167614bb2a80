"""What each operation with schedules and approvals does: one table, from names to deeds.

Accounts are named by their number among the options' accounts, their currencies by -1 and -2.
"""

from collections.abc import Callable

from gateway.operations.schedules import NewSchedule
from simulator.world.world import World


def _subject(world: World, number: int) -> str:
    if number < 0:
        currencies = dict.fromkeys(currency for _name, currency, _limit in world.options.accounts)
        return list(currencies)[(-number - 1) % len(currencies)]
    return world.options.accounts[number % len(world.options.accounts)][0]


def _schedule(
    world: World, number: int, cron: str, zone: str, least: int, most_owed: int, approval: int
) -> None:
    new = NewSchedule(_subject(world, number), cron, zone, least, most_owed or None, bool(approval))
    world.timetable.set(new)


def _end(world: World, number: int, alone: int) -> None:
    world.timetable.end_approval(_subject(world, number), alone=bool(alone))


OPERATIONS: dict[str, tuple[str, Callable[..., object]]] = {
    "schedule": (
        "the schedule of {} is {!r} in {}, the least is {}, the most owed {} (0: any), approval {}",
        _schedule,
    ),
    "end_approval": ("somebody asks that approval of runs of {} end (the same: {})", _end),
    "due": (
        "the gateway settles what is due (and looks again at once: {})",
        lambda world, again: world.timetable.serve(again=bool(again)),
    ),
    "approve_run": (
        "the oldest run that waits is approved (alone: {})",
        lambda world, alone: world.timetable.approve(alone=bool(alone)),
    ),
    "reject_run": (
        "the oldest run that waits is rejected",
        lambda world: world.timetable.reject(),
    ),
    "decide_late": (
        "the run that was decided last is decided the other way",
        lambda world: world.timetable.decide_late(),
    ),
}
"""Each operation, in words with its arguments, and what it does; arguments are integers
and words."""
