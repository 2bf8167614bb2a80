"""Plots about where channels end: their capacity, their chains of ticks, their expiry."""

from simulator.world.scenarios.scene import Scene, plot
from simulator.world.scenarios.sites import BOOTED_MS, FIRST_OFFER_S, STEP_MS, device, price, site
from simulator.world.story import Options

_DEATHS = (
    "gateway before",
    "gateway after",
    "gateway speaking",
    "device",
    "torn",
    "broker",
    "none",
)


def _dies(scene: Scene, who: str, number: int) -> None:
    """Somebody dies at what comes next."""
    if who == "gateway before":
        scene.do("kill_gateway_at", "before_commit", scene.over((0, 1, 2)), 500)
    elif who == "gateway after":
        scene.do("kill_gateway_at", "after_commit", scene.over((0, 1, 2)), 500)
    elif who == "gateway speaking":
        scene.do("kill_gateway_at", "publish", scene.over((0, 1, 2)), 500)
    elif who == "torn":
        scene.do("cut_power", number, scene.over((0, 1)), scene.over((20, 0, 200)))
    elif who == "broker":
        scene.do("kill_broker_at", scene.over(("iou", "ack", "tick", "close", "receipt")), 12)


@plot(
    "chains of ticks run out to the tick as somebody dies",
    "gateway_killed_in_step",
    "gateway_killed_after_commit",
    "device_reset",
)
def chains(scene: Scene) -> Options:
    """The last tick of a chain, and the signature after it, at somebody's death; the same again on
    the chain that follows."""
    length = scene.over((5, 1, 2, 20))
    beyond = scene.over((0, -1, 1, 2))
    who = scene.over(_DEATHS)
    tariff = price(scene.over((300, 1)), scene.over((1, 3)), units=400, window=25)
    devices = range(2)
    scene.wait(BOOTED_MS)
    for number in devices:
        _dies(scene, who, number)
        # One signature, and then a tick for each unit of the chain.
        scene.do("consume", number, 1 + length + beyond)
    scene.wait(STEP_MS * scene.over((1, 3, 5, 7)))
    if who == "device":
        scene.do("reset", 0)
    scene.consume(devices, 1)
    scene.wait(4_000)
    scene.do("start_broker")
    scene.wait(4_000)
    _dies(scene, who, 0)
    scene.consume(devices, length + 1)
    scene.wait(25)
    if who == "device":
        scene.do("wipe", 1)
    scene.wait(4_000)
    scene.do("start_broker")
    scene.do("settle")
    scene.consume(devices, 2 * length)
    scene.wait(9_000)
    return site(scene, tariff, [device(tariff, chain=length), device(tariff, chain=length, step=4)])


@plot(
    "channels are filled to the unit at a settlement, a close or a death",
    "decision_between",
    "closed_by_operator",
    "gateway_killed_in_step",
)
def full(scene: Scene) -> Options:
    """A channel is filled to the unit, or one less or more, as it is settled, closed by somebody
    else or somebody dies; three times over."""
    units = scene.over((12, 1, 3))
    beyond = scene.over((0, -1, 1))
    meets = scene.over(("a settlement", "an operator's close", *_DEATHS))
    tariff = price(scene.over((300, 7, 1)), scene.over((1, 2, 3)), units=units, window=40)
    devices = range(2)
    scene.wait(BOOTED_MS)
    for _ in range(3):
        _dies(scene, meets, 0)
        if meets == "an operator's close":
            scene.do("decide_between", "close", 0, scene.over((1, 0, 2)))
        if meets == "a settlement":
            scene.do("decide_between", "settle", 0, scene.over((1, 0, 2)))
        scene.consume(devices, units + beyond)
        scene.wait(STEP_MS * scene.over(range(1, 12)))
        if meets == "device":
            scene.do("reset", 0)
        if meets == "a settlement":
            scene.do("settle")
        scene.wait(2_500)
        scene.do("start_broker")
        scene.wait(5_000)
        scene.consume(devices, max(1, -beyond))
        scene.wait(5_000)
    return site(scene, tariff, [device(tariff), device(tariff, chain=scene.over((3, 50)))])


@plot(
    "channels expire at the very second of a settlement",
    "expired",
    "device_partitioned",
    "double_click",
)
def expiry(scene: Scene) -> Options:
    """Channels expire a second before, at and after a settlement, while they are paid on, with a
    settlement that dies or is raced, or words that come late."""
    lifetime_s = scene.over((900, 60, 300))
    offset_ms = scene.over((0, -1_000, 1_000, -2_000, 500))
    settles = scene.over(("settle", "killed", "twice", "raced", "between"))
    late = scene.over(("iou", "receipt", "open", "close"))
    tariff = price(300, units=500, lifetime_s=lifetime_s)
    devices = range(3)
    scene.wait(BOOTED_MS)
    scene.consume(devices, 6)
    end_ms = (FIRST_OFFER_S + lifetime_s) * 1_000 + offset_ms
    while end_ms - scene.now > 600_000:
        scene.wait(300_000)
    scene.wait_until(end_ms - STEP_MS * scene.over((3, 0, 5)) - 40)
    scene.do("net", "delay", 1, "", late, 1, 1_500)
    scene.do("partition", 2)
    scene.consume(devices, 6)
    scene.wait_until(end_ms)
    if settles == "settle":
        scene.do("settle")
    elif settles == "twice":
        scene.do("settle_twice")
    elif settles == "killed":
        scene.do("settle_killed", scene.over(("before_commit", "after_commit", "after_submit")), 0)
    elif settles == "raced":
        scene.do("settle_raced", scene.over((1, 0)))
    else:
        scene.do("decide_between", "settle", 0, scene.over((0, 1)))
    scene.consume(devices, 4)
    scene.wait(2_000)
    scene.do("mend", 2)
    scene.do("settle")
    scene.wait(20_000)
    scene.consume(devices, 4)
    scene.wait(3_000)
    devices_ = [device(tariff), device(tariff, step=3), device(tariff, chain=30)]
    return site(scene, tariff, devices_)


@plot(
    "a channel for each unit, and somebody dies at each",
    "gateway_killed",
    "device_reset",
    "broker_killed",
)
def each_unit(scene: Scene) -> Options:
    """A channel pays for one unit alone, so that each unit opens and closes one; somebody dies or
    goes away at each, at a later step each time."""
    tariff = price(scene.over((300, 1)), units=1, window=scene.over((3, 1)))
    phase = scene.over(range(8))
    who = scene.over(("gateway", "device", "broker", "settlement", "operator", "nobody"))
    devices = range(2)
    scene.wait(BOOTED_MS)
    for unit in range(8):
        scene.consume(devices, 2)
        scene.wait(STEP_MS * (1 + 2 * ((phase + unit) % 8)))
        if who == "gateway":
            scene.do("kill_gateway", 200)
        if who == "device":
            scene.do("reset", unit % 2)
        if who == "broker":
            scene.do("kill_broker")
        if who == "settlement":
            scene.do("settle")
        if who == "operator":
            scene.do("close", unit % 2)
        scene.wait(1_000)
        scene.do("start_broker")
        scene.wait(1_000 + 2_000 * (unit % 2))
    scene.wait(20_000)
    return site(scene, tariff, [device(tariff), device(tariff, chain=scene.over((2, 1)))])


PLOTS = (chains, full, expiry, each_unit)
