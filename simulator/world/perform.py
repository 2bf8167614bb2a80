"""What each operation of a story does to the world: one table, from names to deeds.

An operation that can't be done as things stand (nothing to thaw, no gateway to stall) does
nothing: stories stay playable when parts of them are left out.
"""

from collections.abc import Callable
from functools import partial

from simulator.world.devices import SimulatedDevice
from simulator.world.network import ANY, GATEWAY
from simulator.world.perform_chain import OPERATIONS as CHAIN
from simulator.world.perform_money import OPERATIONS as MONEY
from simulator.world.perform_times import OPERATIONS as TIMES
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
        "settle": lambda _device_id: operator.settle(),
    }
    if name not in decisions:
        raise StoryError(f"decision: must be one of {', '.join(decisions)}, not {name}")
    return partial(decisions[name], _device(world, number).id)


def _park(world: World, number: int, taken: bool) -> None:
    place = _device(world, number).place
    if place is not None:
        place.taken = taken


def _between(world: World, name: str, number: int, after: int) -> None:
    decide = _decision(world, name, number)

    def act() -> None:
        if decide():
            world.faults.took_effect("decision_between")

    if world.gateway.current is not None:
        world.gateway.current.traps.between(after, act)


def _settle_while(world: World, what: str, after: int) -> None:
    others: dict[str, Callable[[], None]] = {
        "second_gateway": world.gateway.start_another,
        "kill_gateway": world.gateway.kill,
        "a_day_passes": lambda: world.gateway.jump_clock(86_400),
        # What is on its way is taken: payments, and ends of channels.
        "work_goes_on": lambda: world.clock.run_until(world.clock.now + 100),
    }
    if what not in others:
        raise StoryError(f"settle_while: must be one of {', '.join(others)}, not {what}")
    world.operator.settle_while(others[what], after)


def _revoke(world: World, number: int) -> None:
    device = _device(world, number)
    if world.operator.revoke(device.id):
        device.ended = True


def _remove_copies(world: World) -> None:
    for copy in world.copies:
        copy.remove()


def _rate(world: World, number: int, numerator: int, denominator: int) -> None:
    _device(world, number).set_rate(max(1, numerator), max(1, denominator))


OPERATIONS: dict[str, tuple[str, Callable[..., object]]] = {
    "wait": ("{} ms pass", lambda world, ms: world.advance(ms / 1000)),
    "sleep": ("{} hours pass, in which hardly anything goes on", World.sleep),
    # Loads
    "consume": (
        "device {}'s load draws {} units",
        lambda world, n, units: _device(world, n).consume(units),
    ),
    "finish": (
        "device {}'s session ends: it closes its channel",
        lambda world, n: _device(world, n).finish(),
    ),
    # Network and broker
    "net": ("the network: {} at place {} {} {} for the next {} ({})", _net),
    "partition": (
        "place {} is cut off",
        lambda world, place: world.network.partition(_place(world, place)),
    ),
    "mend": (
        "place {} is reachable again",
        lambda world, place: world.network.heal(_place(world, place)),
    ),
    "kill_broker": ("the broker is killed and forgets all", lambda world: world.broker.kill()),
    "kill_broker_at": (
        "the broker will be killed at the next {}, {} ms after it came",
        lambda world, kind, after: world.broker.kill_at(kind, after),
    ),
    "start_broker": ("the broker starts", lambda world: world.broker.start()),
    # The gateway's machine
    "kill_gateway": (
        "the gateway is killed; it starts again after {} ms",
        lambda world, down: world.gateway.kill(down),
    ),
    "kill_gateway_at": (
        "the gateway will be killed at {} number {}+1; it starts again after {} ms",
        lambda world, point, after, down: world.gateway.kill_at(point, after, down),
    ),
    "stall_gateway": (
        "the gateway stands still for {} ms",
        lambda world, ms: world.gateway.stall(ms),
    ),
    "second_gateway": (
        "a second gateway starts on the same database",
        lambda world: world.gateway.start_another(),
    ),
    "lose_power": (
        "the gateway's machine loses power for {} ms",
        lambda world, down: world.gateway.lose_power(down),
    ),
    "lose_power_at": (
        "the gateway's machine will lose power at {} number {}+1, for {} ms",
        lambda world, point, after, down: world.gateway.lose_power_at(point, after, down),
    ),
    "fill_disk": ("the disk is full after {} writes more", lambda world, n: world.storage.fill(n)),
    "fail_disk": (
        "the disk's {} number {}+1 will fail",
        lambda world, what, after: world.gateway.fail_disk(what, after),
    ),
    "mend_disk": ("the disk works again", lambda world: world.storage.mend()),
    "gateway_clock": (
        "the gateway's clock jumps by {} s",
        lambda world, seconds: world.gateway.jump_clock(seconds),
    ),
    "rotate_key": (
        "another key follows the gateway's, which starts anew after {} ms (below 0: later)",
        lambda world, down: world.rotate_key(down),
    ),
    "retire_key": (
        "the gateway's oldest key is retired (all the same: {}), it starts anew after {} ms",
        lambda world, all_the_same, down: world.retire_key(all_the_same, down),
    ),
    # Devices
    "reset": ("device {} is reset", lambda world, n: _device(world, n).reset()),
    "cut_power": (
        "device {} will lose power at its journal's write {}+1, with {} bytes written",
        lambda world, n, writes, kept: _device(world, n).cut_power_at(writes, kept),
    ),
    "cut_power_earning": (
        "seller {} will lose power at the write {}+1 of its earnings, with {} bytes written",
        lambda world, n, writes, kept: _device(world, n).cut_power_earning(writes, kept),
    ),
    "wipe": ("device {}'s flash is wiped", lambda world, n: _device(world, n).wipe()),
    "put_back": (
        "device {} gets back its flash of {} writes ago",
        lambda world, n, age: _device(world, n).put_back(age),
    ),
    "copy": (
        "a copy of device {} goes to work",
        lambda world, n: world.copy_device(n % len(world.devices)),
    ),
    "copies_consume": (
        "loads of all copies draw {} units",
        lambda world, units: [copy.consume(units) for copy in world.copies],
    ),
    "remove_copies": ("all copies are taken away", _remove_copies),
    "device_clock": (
        "device {}'s clock jumps ahead by {} ms",
        lambda world, n, ms: _device(world, n).jump_clock(ms),
    ),
    "device_rate": ("device {}'s clock runs at {}/{} of its rate", _rate),
    # Adversary
    "forge": (
        "somebody forges for device {}: {}",
        lambda world, n, what: world.adversary.forge(_device(world, n), what),
    ),
    "replay": ("somebody replays the message {} back (device {}, as {!r}, retained {})", _replay),
    "record": ("somebody keeps what passed lately", lambda world: world.adversary.record()),
    "play_back": (
        "somebody plays it all back (device {}, from its end: {})",
        lambda world, n, backwards: world.adversary.play_back(
            None if n < 0 else _device(world, n), bool(backwards)
        ),
    ),
    "trespass": (
        "device {} publishes on device {}'s topic the message {} back",
        lambda world, n, other, back: world.adversary.trespass(
            _device(world, n), _device(world, other), back
        ),
    ),
    "will": (
        "device {} leaves as its will its message {} back",
        lambda world, n, back: world.adversary.leave_will(_device(world, n), back),
    ),
    "misclaim": (
        "device {} signs an IOU whose claim on the XRP Ledger is wrong: {}",
        lambda world, n, what: world.adversary.misclaim(_device(world, n), what),
    ),
    "equivocate": (
        "device {} signs its last amount for {} units less",
        lambda world, n, less: world.adversary.equivocate(_device(world, n), less),
    ),
    "overrun": (
        "device {} signs for {} units more than it was granted",
        lambda world, n, units: world.adversary.overrun(_device(world, n), units),
    ),
    # Operator
    "suspend": (
        "the operator suspends device {}",
        lambda world, n: _decision(world, "suspend", n)(),
    ),
    "resume": ("the operator resumes device {}", lambda world, n: _decision(world, "resume", n)()),
    "close": (
        "the operator closes a channel of device {}",
        lambda world, n: _decision(world, "close", n)(),
    ),
    "thaw": (
        "the operator thaws channels of device {}",
        lambda world, n: _decision(world, "thaw", n)(),
    ),
    "revoke": ("the operator revokes device {}", _revoke),
    "twice": (
        "the operator does {} of device {}, and clicks again",
        lambda world, name, n: world.operator.twice(_decision(world, name, n)),
    ),
    "decide_between": (
        "the operator does {} of device {} before the gateway's transaction {}+1",
        _between,
    ),
    "park": (
        "somebody comes to the place that device {} watches",
        lambda world, n: _park(world, n, True),
    ),
    "leave": (
        "nobody is at the place that device {} watches",
        lambda world, n: _park(world, n, False),
    ),
    # Prices
    "price": (
        "from now on tariff {} costs {}/{} of its first price",
        lambda world, n, numerator, denominator: world.prices.change(n, numerator, denominator),
    ),
    "band": (
        "tariff {} costs {}/{} in the first half of every {} minutes",
        lambda world, n, numerator, denominator, minutes: world.prices.band(
            n, numerator, denominator, minutes
        ),
    ),
    "grace": (
        "prices that change from now on are granted for {} seconds more",
        lambda world, seconds: world.prices.grace(seconds),
    ),
    "prices_due": ("prices change that have fallen due", lambda world: world.prices.due()),
    # Money
    "settle": ("the operator settles", lambda world: world.operator.settle()),
    "settle_twice": (
        "the operator settles, and clicks again",
        lambda world: world.operator.twice(world.operator.settle),
    ),
    "settle_killed": (
        "the operator settles, and is killed at {} number {}+1",
        lambda world, point, after: world.operator.settle_killed(point, after),
    ),
    "settle_raced": (
        "two operators settle, the other before transaction {}+1",
        lambda world, after: world.operator.settle_raced(after),
    ),
    "settle_while": (
        "the operator settles, meanwhile {}, before transaction {}+1",
        _settle_while,
    ),
    "rail_execute": ("the rail reads the files and pays", lambda world: world.rail.execute()),
    "rail_again": ("the rail reads all files again", lambda world: world.rail.execute(again=True)),
    "rail_reject": (
        "the rail will refuse {} instructions",
        lambda world, count: world.rail.reject_next(count),
    ),
    "report": (
        "the operator records {} outcomes at most",
        lambda world, most: world.rail.report(most),
    ),
    "report_again": (
        "the operator records the same outcomes again",
        lambda world: world.rail.report_again(),
    ),
    "report_opposite": (
        "the operator records the opposite of what was recorded",
        lambda world: world.rail.report_again(opposite=True),
    ),
    **MONEY,
    **CHAIN,
    **TIMES,
}
"""Each operation, in words with its arguments, and what it does; arguments are integers
and words."""


def perform(world: World, operation: Operation) -> None:
    """Do one operation. Raises StoryError if there is no such one, or with other arguments."""
    _check(operation)
    world.trace.note(world.clock.now, f"operation {operation}")
    _words, deed = OPERATIONS[str(operation[0])]
    deed(world, *operation[1:])
    world.watch.after_step()


def told(operation: Operation) -> str:
    """An operation in words. Raises StoryError."""
    _check(operation)
    return OPERATIONS[str(operation[0])][0].format(*operation[1:])


def _check(operation: Operation) -> None:
    """Raises StoryError unless there is such an operation with as many arguments."""
    name = str(operation[0])
    if name not in OPERATIONS:
        raise StoryError(f"operation: there is no {name!r}")
    wanted = OPERATIONS[name][0].count("{")
    if wanted != len(operation) - 1:
        raise StoryError(f"operation {name}: takes {wanted} arguments, has {operation[1:]}")
