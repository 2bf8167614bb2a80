"""After the trouble: everything is mended, and then all must come to rest.

What people would do is done (resume, close what is frozen, wipe what is broken, restart); nothing
that the protocol must do by itself is helped along.
"""

from simulator.world.broken import Broken
from simulator.world.devices import SimulatedDevice
from simulator.world.rest import waits_for
from simulator.world.world import World

DRAIN_S = 600
"""Virtual seconds in which everything must come to rest."""


def settle_all(world: World) -> None:
    """Mend everything, drain, prove that devices still work, settle, and let the oracle judge.

    Raises Broken, and what the oracle raises.
    """
    mend(world)
    _rest(world, "after everything was mended")
    _pay_in(world)
    for device in world.devices:
        if not device.ended:
            device.consume(5)
    _rest(world, "after each device consumed again")
    _count_expired(world)
    _check_units(world)
    world.treasury.put_right()
    world.timetable.put_right()
    world.settle()
    if world.waterfront is not None:
        world.waterfront.check_settled()
    report = world.operator.books()
    if report:
        raise Broken(15, "the gateway's own check of its books: " + "; ".join(report[:3]))
    world.watch.oracle.check()
    world.watch.oracle.check_settled()


def mend(world: World) -> None:
    """End every fault."""
    _pay_in(world)
    world.network.heal()
    world.broker.mend()
    world.storage.mend()
    world.gateway.right_clock()
    world.gateway.restart_ms = 1_000
    for process in list(world.gateway.processes):
        process.end("closed")
    for copy in world.copies:
        copy.remove()
    world.advance(5)
    for device in world.devices:
        if device.place is not None:
            device.place.taken = False
        device.mend()
        world.operator.resume(device.id)
        for row in world.operator.live(device.id):
            # Nobody pays any more on a revoked device's channels: what it said last is not taken.
            if row.state == "frozen" or device.ended:
                world.operator.close_channel(bytes(row.id))
        if device.broken:
            device.wipe()
    _mend_chain(world)
    world.advance(5)


def _mend_chain(world: World) -> None:
    """Everybody locks plenty; who has no credit and is paid elsewhere by now pays in as much."""
    if world.waterfront is None:
        return
    world.waterfront.mend()
    world.advance(world.waterfront.settles_in_s)
    world.operator.look()
    backed = world.treasury.rows("backing", "account_id")
    for account, _currency, limit in world.options.accounts:
        if not limit and account in world.waterfront.owners and account not in backed:
            world.treasury.pay_in(account, world.waterfront.plenty)


def _pay_in(world: World) -> None:
    """Or the devices of an account that pays in advance, once they have used it, wait for good."""
    for account, amount in world.options.deposits:
        world.treasury.pay_in(account, amount)


def _rest(world: World, when: str) -> None:
    waiting = world.drain(DRAIN_S)
    if not waiting:
        return
    for device in world.devices:
        if waits_for(device) and device.excused:
            _service(world, device)
    waiting = world.drain(DRAIN_S)
    if waiting:
        raise Broken(20, f"not at rest {when}: " + "; ".join(waiting))


def _service(world: World, device: SimulatedDevice) -> None:
    """What an operator does with a device that lost its memory or was copied, and got stuck."""
    while world.operator.close(device.id):
        pass
    device.wipe()


def _count_expired(world: World) -> None:
    conn = world.storage.read()
    try:
        query = "SELECT count(*) FROM channel WHERE close_reason = 'expired'"
        for _ in range(int(conn.execute(query).fetchone()[0])):
            world.faults.took_effect("expired")
    finally:
        conn.close()


def _check_units(world: World) -> None:
    """What a device's account was charged for is what it delivered: never more, and not less
    unless its memory was tampered with or its last units cost nothing yet."""
    conn = world.storage.read()
    try:
        charged = {
            str(name): int(units)
            for name, units in conn.execute(
                "SELECT device_id, sum(units) FROM channel WHERE mirror_of IS NULL"
                " GROUP BY device_id"
            )
        }
    finally:
        conn.close()
    for device in world.devices:
        copies = [copy for copy in world.copies if copy.id == device.id]
        delivered = device.delivered + sum(copy.delivered for copy in copies)
        paid = charged.get(device.id, 0)
        # A memory that is at work twice pays twice for what it carried: its window is the bound.
        doubled = device.doubled + sum(copy.doubled for copy in copies)
        if paid > delivered + doubled:
            raise Broken(6, f"device {device.number}: {paid} charged, {delivered} delivered")
        known = paid + device.unsigned() + device.forgotten
        # What a device meters after a restart and before it hears of ticks that it forgot counts as
        # those: nothing is charged twice, and a few units not at all.
        ticks = device.options.chain_length > 0
        if not (device.ended or device.muddled or ticks) and known < delivered:
            raise Broken(
                20,
                f"device {device.number}: {paid} charged, {device.unsigned()} unsigned, "
                f"{device.forgotten} perhaps forgotten, {delivered} delivered",
            )
        if not (device.ended or device.forgot) and paid + device.unsigned() != delivered:
            raise Broken(
                20,
                f"device {device.number}: {paid} charged, {device.unsigned()} unsigned, "
                f"{delivered} delivered",
            )
