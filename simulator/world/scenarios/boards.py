"""Plots about boards: their power, their memory and their clocks."""

from simulator.world.scenarios.scene import Scene, plot
from simulator.world.scenarios.sites import BOOTED_MS, STEP_MS, device, price, site
from simulator.world.story import Options


@plot(
    "a charging site loses power in mid-session, and all its devices come back in one second",
    "device_reset",
    "device_power_cut",
    "broker_overflow",
    "gateway_killed_speaking",
)
def herd(scene: Scene) -> Options:
    """All go at once, some within a write, and all say hello in the same second, to a gateway that
    is stalled, dies among them or comes back with them."""
    tariff = price(300, units=scene.over((40, 1_000)))
    chargers = range(scene.over((9, 12, 6)))
    queue = scene.over((4, 20, 1000))
    gateway = scene.over(("stalled", "killed speaking", "without power", "there"))
    scene.wait(BOOTED_MS)
    scene.consume(chargers, 30)
    scene.wait(STEP_MS * scene.over((1, 3, 5, 7)))
    for number in chargers:
        if number % 2:
            scene.do("cut_power", number, number % 3, 37 * number)
    scene.consume(chargers, 7)
    if gateway == "without power":
        scene.do("lose_power", 2_500)
    for number in chargers:
        scene.do("reset", number)
    scene.wait(1_500)
    if gateway == "stalled":
        scene.do("stall_gateway", 6_000)
    if gateway == "killed speaking":
        scene.do("kill_gateway_at", "publish", scene.over((3, 0, 9, 14)), 500)
    scene.wait(9_000)
    scene.consume(chargers, 20)
    scene.wait(9_000)
    devices = [device(tariff, step=1 + number % 3) for number in chargers]
    return site(scene, tariff, devices, broker_queue=queue, loses_power=True)


@plot(
    "boards lose power at each write of their journals, in each phase of a channel's life",
    "device_power_cut",
)
def brownout(scene: Scene) -> Options:
    """The journal's every write in turn, torn at every part of it, in each phase of a life."""
    tariff = price(7, 2, units=30)
    boards = range(3)
    phase = scene.over(("paying", "opening", "closing", "following another key"))
    writes = scene.over(range(6))
    kept = scene.over((0, 1, 30, 150, 399))

    def brown_out() -> None:
        for number in boards:
            scene.do("cut_power", number, writes + number, kept + 50 * number)

    if phase == "opening":
        brown_out()
    scene.wait(BOOTED_MS)
    scene.consume(boards, 12)
    scene.wait(40)
    if phase != "opening":
        brown_out()
    if phase == "following another key":
        scene.do("rotate_key", 300)
    if phase == "closing":
        scene.do("finish", 0)
    scene.consume(boards, 25)
    scene.wait(9_000)
    brown_out()
    scene.consume(boards, 9)
    scene.wait(9_000)
    devices = [device(tariff, step=2), device(tariff, chain=5), device(tariff, chain=200)]
    return site(scene, tariff, devices)


@plot("a flash is erased at each step of a payment's way", "flash_wiped")
def wiped(scene: Scene) -> Options:
    """The flash is erased at each step of a payment's way, once or twice, and what the gateway says
    then is lost, late or said by another one."""
    tariff = price(300, units=scene.over((100, 12)))
    boards = range(2)
    at = scene.over(range(12))
    then = scene.over(("nothing", "gateway killed", "word lost", "wiped again", "settled"))
    scene.wait(BOOTED_MS)
    scene.consume(boards, 12)
    scene.wait(STEP_MS * at)
    for number in boards:
        scene.do("wipe", number)
    if then == "gateway killed":
        scene.do("kill_gateway", 4_000)
    if then == "word lost":
        scene.do("net", "drop", 0, "down", "resume", 2, 0)
    if then == "settled":
        scene.do("settle")
    scene.wait(4_000 + STEP_MS * at)
    if then == "wiped again":
        scene.do("wipe", 0)
    scene.consume(boards, 8)
    scene.wait(20_000)
    scene.consume(boards, 8)
    scene.wait(2_000)
    return site(scene, tariff, [device(tariff), device(tariff, chain=scene.over((3, 50)))])


@plot(
    "counters of milliseconds jump to where they end, while an answer is due",
    "device_clock",
    "message_dropped",
)
def uptime(scene: Scene) -> Options:
    """Counters of milliseconds jump to just before, onto and beyond where such counters end, while
    an answer is due."""
    tariff = price(1, 3, units=600, window=30)
    boards = range(3)
    end = scene.over((2**31, 2**30, 2**32, 2**29))
    by = scene.over((-1_500, 0, -5, 1_500))
    lost = scene.over(("ack", "hello", "opened", "iou"))
    scene.do("net", "drop", 0, "", lost, 3, 0)
    scene.wait(BOOTED_MS)
    scene.consume(boards, 20)
    for number in boards:
        scene.do("device_clock", number, end + by - scene.now)
    scene.wait(9_000)
    scene.consume(boards, 20)
    scene.do("device_rate", 1, 1, 10)
    scene.do("device_rate", 2, 10, 1)
    scene.do("kill_gateway", 3_000)
    scene.wait(30_000)
    scene.do("device_clock", 0, end)
    scene.consume(boards, 20)
    scene.wait(9_000)
    return site(scene, tariff, [device(tariff, step=7), device(tariff), device(tariff, chain=9)])


PLOTS = (herd, brownout, wiped, uptime)
