"""What each operation of a story does to the world: one table, from names to deeds.

An operation that can't be done as things stand (nothing to thaw, no gateway to stall) does
nothing: stories stay playable when parts of them are left out.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from simulator.world.devices import SimulatedDevice
from simulator.world.network import ANY, GATEWAY
from simulator.world.story import Operation, StoryError
from simulator.world.world import World


def _device(world: World, number: int) -> SimulatedDevice:
    return world.devices[number % len(world.devices)]


def _place(world: World, place: int) -> int:
    return place if place in (GATEWAY, ANY) else place % len(world.devices)


def _net(
    world: World,
    effect: str,
    place: int,
    direction: str,
    kind: str,
    count: int,
    argument: int,
) -> None:
    world.network.arm(effect, _place(world, place), direction, kind, count, argument)


def _replay(world: World, back: int, number: int, kind: str, retain: int) -> None:
    device = None if number < 0 else _device(world, number)
    world.adversary.replay(back, device, kind, bool(retain))


def _decision(world: World, name: str, number: int) -> Callable[[], bool]:
    operator = world.operator
    decisions = {
        "suspend": operator.suspend,
        "resume": operator.resume,
        "close": operator.close,
        "thaw": operator.thaw,
    }
    if name not in decisions:
        raise StoryError(f"decision: must be one of {', '.join(decisions)}, not {name}")
    return partial(decisions[name], _device(world, number).id)


def _between(world: World, name: str, number: int, after: int) -> None:
    decide = _decision(world, name, number)

    def act() -> None:
        if decide():
            world.faults.took_effect("decision_between")

    if world.gateway.current is not None:
        world.gateway.current.traps.between(after, act)


def _revoke(world: World, number: int) -> None:
    device = _device(world, number)
    if world.operator.revoke(device.id):
        device.ended = True


def _remove_copies(world: World) -> None:
    for copy in world.copies:
        copy.remove()


def _rate(world: World, number: int, numerator: int, denominator: int) -> None:
    _device(world, number).set_rate(max(1, numerator), max(1, denominator))


OPERATIONS: dict[str, Callable[..., object]] = {
    "wait": lambda world, ms: world.advance(ms / 1000),
    # Loads
    "consume": lambda world, n, units: _device(world, n).consume(units),
    "finish": lambda world, n: _device(world, n).finish(),
    # Network and broker
    "net": _net,
    "partition": lambda world, place: world.network.partition(_place(world, place)),
    "mend": lambda world, place: world.network.heal(_place(world, place)),
    "kill_broker": lambda world: world.broker.kill(),
    "start_broker": lambda world: world.broker.start(),
    # The gateway's machine
    "kill_gateway": lambda world, down: world.gateway.kill(down),
    "kill_gateway_at": lambda world, point, after, down: world.gateway.kill_at(point, after, down),
    "stall_gateway": lambda world, ms: world.gateway.stall(ms),
    "second_gateway": lambda world: world.gateway.start_another(),
    "lose_power": lambda world, down: world.gateway.lose_power(down),
    "fail_disk": lambda world, what, after: world.gateway.fail_disk(what, after),
    "mend_disk": lambda world: world.storage.mend(),
    "gateway_clock": lambda world, seconds: world.gateway.jump_clock(seconds),
    # Devices
    "reset": lambda world, n: _device(world, n).reset(),
    "cut_power": lambda world, n, writes, kept: _device(world, n).cut_power_at(writes, kept),
    "wipe": lambda world, n: _device(world, n).wipe(),
    "put_back": lambda world, n, age: _device(world, n).put_back(age),
    "copy": lambda world, n: world.copy_device(n % len(world.devices)),
    "copies_consume": lambda world, units: [copy.consume(units) for copy in world.copies],
    "remove_copies": _remove_copies,
    "device_clock": lambda world, n, ms: _device(world, n).jump_clock(ms),
    "device_rate": _rate,
    # Adversary
    "forge": lambda world, n, what: world.adversary.forge(_device(world, n), what),
    "replay": _replay,
    "trespass": lambda world, n, other, back: world.adversary.trespass(
        _device(world, n), _device(world, other), back
    ),
    "will": lambda world, n, back: world.adversary.leave_will(_device(world, n), back),
    "equivocate": lambda world, n, less: world.adversary.equivocate(_device(world, n), less),
    # Operator
    "suspend": lambda world, n: _decision(world, "suspend", n)(),
    "resume": lambda world, n: _decision(world, "resume", n)(),
    "close": lambda world, n: _decision(world, "close", n)(),
    "thaw": lambda world, n: _decision(world, "thaw", n)(),
    "revoke": _revoke,
    "twice": lambda world, name, n: world.operator.twice(_decision(world, name, n)),
    "decide_between": _between,
    # Money
    "settle": lambda world: world.operator.settle(),
    "settle_twice": lambda world: world.operator.twice(world.operator.settle),
    "settle_killed": lambda world, point, after: world.operator.settle_killed(point, after),
    "settle_raced": lambda world, after: world.operator.settle_raced(after),
    "rail_execute": lambda world: world.rail.execute(),
    "rail_again": lambda world: world.rail.execute(again=True),
    "rail_reject": lambda world, count: world.rail.reject_next(count),
    "report": lambda world, most: world.rail.report(most),
    "report_again": lambda world: world.rail.report_again(),
    "report_opposite": lambda world: world.rail.report_again(opposite=True),
}
"""Each operation, and what it does; arguments are integers and words."""


def perform(world: World, operation: Operation) -> None:
    """Do one operation. Raises StoryError if there is no such one, or with other arguments."""
    name, arguments = operation[0], operation[1:]
    deed = OPERATIONS.get(str(name))
    if deed is None:
        raise StoryError(f"operation: there is no {name!r}")
    world.trace.note(world.clock.now, f"operation {operation}")
    _check(operation)
    deed(world, *arguments)
    world.watch.after_step()


_PARAMETERS: dict[str, Any] = {}


def _check(operation: Operation) -> None:
    """Raises StoryError unless the operation has as many arguments as its deed takes."""
    name = str(operation[0])
    if name not in _PARAMETERS:
        code: Any = OPERATIONS[name]
        _PARAMETERS[name] = code.__code__.co_argcount - 1
    if _PARAMETERS[name] != len(operation) - 1:
        raise StoryError(f"operation {name}: takes {_PARAMETERS[name]} arguments, has {operation}")
