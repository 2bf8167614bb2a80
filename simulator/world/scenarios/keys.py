"""Plots about the gateway's keys: they follow one another while devices are away."""

from itertools import permutations

from simulator.world.scenarios.scene import EVERYWHERE, Scene, plot
from simulator.world.scenarios.sites import BOOTED_MS, STEP_MS, device, market, price, site
from simulator.world.story import Options


@plot(
    "keys follow one another, and at each another device is away",
    "key_rotated",
    "key_retired",
    "device_partitioned",
    "flash_wiped",
)
def rotations(scene: Scene) -> Options:
    """Three keys one after another; at each another device is away, which comes back one or two
    keys later; or all are there but the word of it is lost."""
    tariff = price(300, units=scene.over((200, 12)), window=10)
    down_ms = scene.over((500, -1, 9_000))
    away = scene.over(("in turn", "all the time", "nobody, words lost", "without memory"))
    retires = scene.over(("no", "at the end", "at once"))
    devices = range(4)
    scene.wait(BOOTED_MS)
    scene.consume(devices, 9)
    for turn in range(3):
        number = {"in turn": turn, "all the time": 0}.get(away, 3)
        if away == "nobody, words lost":
            scene.do(
                "net",
                scene.over(("drop", "corrupt", "reorder")),
                EVERYWHERE,
                "down",
                "successor",
                4,
                9,
            )
        else:
            scene.do("partition", number)
        scene.consume(devices, 6)
        scene.wait(STEP_MS * scene.over(range(1, 10)))
        scene.do("rotate_key", down_ms)
        if retires == "at once":
            scene.do("retire_key", 1, 500)
        if away == "without memory":
            scene.do("wipe", number)
        scene.consume(devices, 6)
        scene.wait(scene.over((50_000, 3_000, 200)))
        if away != "all the time":
            scene.do("mend", number)
        scene.wait(scene.over((0, 4_000)))
    scene.do("mend", 0)
    scene.do("settle")
    if retires == "at the end":
        scene.do("retire_key", 1, 500)
        scene.do("retire_key", 1, 500)
    scene.wait(20_000)
    scene.consume(devices, 9)
    scene.wait(3_000)
    return site(scene, tariff, [*market(tariff), device(tariff, chain=scene.over((5, 40)))])


@plot(
    "a key changes, and gateway, device, broker and settlement die around it in every order",
    "key_rotated",
    "gateway_killed",
    "device_reset",
    "broker_killed",
    "settlement_killed",
)
def rotation_deaths(scene: Scene) -> Options:
    """A key changes while a channel opens, is paid on or closes, and gateway, device, broker and
    settlement die around it in every order."""
    order = scene.over(tuple(permutations(("gateway", "device", "broker", "settlement"))))
    phase = scene.over(("opening", "paying", "closing"))
    gap_ms = scene.over((20, 5, 400, 2_500))
    tariff = price(7, 2, units=24, window=12)
    devices = range(3)
    scene.wait(2_000 + STEP_MS * scene.over(range(1, 20)) if phase == "opening" else BOOTED_MS)
    scene.consume(devices, 24 if phase == "closing" else 9)
    scene.wait(STEP_MS * scene.over(range(1, 12)))
    scene.do("rotate_key", -1)
    for who in order:
        if who == "gateway":
            scene.do("kill_gateway", 300)
        if who == "device":
            scene.do("cut_power", 0, scene.over((0, 1)), scene.over((0, 60, 300)))
            scene.do("reset", 1)
        if who == "broker":
            scene.do("kill_broker")
            scene.wait(100)
            scene.do("start_broker")
        if who == "settlement":
            scene.do("settle_killed", "before_commit", scene.over((0, 1)))
        scene.consume(devices, 4)
        scene.wait(gap_ms)
    scene.wait(9_000)
    scene.do("kill_gateway_at", "publish", scene.over((0, 1, 4)), 300)
    scene.do("rotate_key", 300)
    scene.consume(devices, 24)
    scene.wait(12_000)
    return site(scene, tariff, [device(tariff), device(tariff, step=5), device(tariff, chain=7)])


PLOTS = (rotations, rotation_deaths)
