"""Plots about prices that change under channels that are open."""

from dataclasses import replace

from simulator.world.scenarios.scene import Scene, plot
from simulator.world.scenarios.sites import BOOTED_MS, STEP_MS, device, price, site
from simulator.world.story import DeviceOptions, Options, TariffOptions

_DEATHS = ("gateway before", "gateway after", "device", "torn", "broker", "cut off", "none")


def _dies(scene: Scene, who: str, number: int) -> None:
    """Somebody dies as this device goes over to another price, or is cut off before it."""
    if who == "gateway before":
        scene.do("kill_gateway_at", "before_commit", scene.over((0, 1, 2)), 500)
    elif who == "gateway after":
        scene.do("kill_gateway_at", "after_commit", scene.over((1, 0, 2)), 500)
    elif who == "torn":
        scene.do("cut_power", number, scene.over((0, 1)), scene.over((20, 0, 200)))
    elif who == "broker":
        scene.do("kill_broker_at", scene.over(("leg", "grant", "offer", "iou")), 12)
    elif who == "cut off":
        scene.do("partition", number)


@plot(
    "prices change under open channels as somebody dies",
    "price_changed",
    "gateway_killed_in_step",
    "gateway_killed_after_commit",
    "device_reset",
)
def legs(scene: Scene) -> Options:
    """One price after another follows on channels that are paid on, by signatures and by ticks,
    each at somebody's death; a run in between cuts intervals that hold several."""
    who = scene.over(_DEATHS)
    chain = scene.over((6, 40))
    tariff = price(scene.over((300, 7)), scene.over((1, 2)), units=400, window=12)
    devices = range(3)
    scene.wait(BOOTED_MS)
    for turn, (numerator, denominator) in enumerate(((1, 3), (3, 2), (1, 1), (2, 3))):
        scene.consume(devices, scene.over((5, 8, 1)))
        scene.wait(STEP_MS * scene.over((100, 1, 3, 7)))
        _dies(scene, who, turn % 2)
        scene.do("price", 0, numerator, denominator)
        # As the devices are told of it, or have answered, or it is all over.
        scene.wait(scene.over((1_000, 1_010, 1_025, 3_000)))
        if who == "device":
            scene.do("reset", turn % 2)
        scene.consume(devices, 4)
        scene.wait(4_000)
        scene.do("start_broker")
        scene.do("mend", turn % 2)
        scene.consume(devices, 3)
        if turn % 2:
            scene.settle()
        scene.wait(4_000)
    scene.wait(9_000)
    return site(
        scene, tariff, [device(tariff), device(tariff, chain=chain), device(tariff, step=4)]
    )


@plot(
    "sessions begin, change their price and run full as somebody dies",
    "price_changed",
    "gateway_killed_in_step",
    "device_reset",
)
def sessions(scene: Scene) -> Options:
    """Each channel costs a session fee, once: with its first unit, or in the leg that begins before
    there is one; when it is full, the next costs it again. Somebody dies at each of these."""
    who = scene.over(_DEATHS)
    fee = scene.over((1, 500, 90_000))
    tariff = price(
        scene.over((300, 7, 1)), scene.over((1, 3)), units=30, window=12, session_fee=fee
    )
    devices = range(3)
    scene.wait(BOOTED_MS)
    for turn, (numerator, denominator) in enumerate(((1, 2), (3, 2), (1, 1))):
        if scene.over((True, False)):
            scene.consume(devices[:1], 1)
        _dies(scene, who, turn % 2)
        scene.do("price", 0, numerator, denominator)
        scene.wait(scene.over((1_010, 3_000, 1_025)))
        if who == "device":
            scene.do("reset", turn % 2)
        scene.consume(devices, scene.over((1, 5)))
        scene.wait(4_000)
        scene.do("start_broker")
        scene.do("mend", turn % 2)
        if turn == 1:
            scene.settle()
        # Up to the end of the channel, and beyond it.
        for _ in range(3):
            scene.consume(devices, 10)
            scene.wait(2_500)
    scene.wait(9_000)
    return site(scene, tariff, [device(tariff), device(tariff, chain=4), device(tariff, step=4)])


@plot(
    "prices end while devices are away, within their window or somebody dies",
    "price_changed",
    "price_ended",
    "overran",
    "device_partitioned",
    "gateway_killed_in_step",
)
def ends(scene: Scene) -> Options:
    """Another price follows, and the one before ends at once or a little later: while one device is
    away and uses what it was granted, to the unit or not, and another is told of both as somebody
    dies. Then the first comes back."""
    who = scene.over(_DEATHS)
    window = scene.over((6, 12))
    tariff = price(
        scene.over((300, 7)), scene.over((1, 3)), units=400, window=window, session_fee=9
    )
    devices = range(3)
    scene.do("grace", scene.over((0, 2)))
    scene.wait(BOOTED_MS)
    for turn, (numerator, denominator) in enumerate(((1, 3), (3, 2), (1, 1))):
        away = turn % 2
        scene.consume(devices, 5)
        scene.wait(STEP_MS * scene.over((200, 1, 3)))
        scene.do("partition", away)
        _dies(scene, who, 1 - away)
        scene.do("price", 0, numerator, denominator)
        scene.consume([away], window + scene.over((0, -1, 3)))
        scene.wait(scene.over((1, 1_010, 1_025)))
        scene.do("prices_due")
        if who == "device":
            scene.do("reset", 1 - away)
        scene.consume([1 - away, 2], scene.over((1, 4)))
        scene.wait(3_000)
        scene.do("start_broker")
        scene.do("prices_due")
        scene.wait(1_500)
        if turn == 1:
            scene.settle()
        if turn == 2:
            # Who is away goes on at the old price, with its own key.
            scene.do("overrun", away, window + scene.over((1, 30)))
            scene.wait(500)
        scene.do("mend", away)
        scene.do("mend", 1 - away)
        scene.wait(5_000)
        scene.consume(devices, 2)
        scene.wait(2_500)
    scene.wait(9_000)
    return site(scene, tariff, [device(tariff), device(tariff, chain=6), device(tariff, step=4)])


_BAY = TariffOptions("s", 5, 2, "operator", 20, 100_000, 86_400)
"""What a second costs in which a place is blocked."""


@plot(
    "a place is blocked and left as its meter's board or the gateway dies",
    "device_reset",
    "gateway_killed_in_step",
    "device_partitioned",
)
def idle(scene: Scene) -> Options:
    """Somebody consumes, and stays: seconds count from the stated one on, by signatures or ticks,
    within the window while the way is cut, until consumption goes on or the place is left. Somebody
    dies meanwhile."""
    who = scene.over(_DEATHS)
    after_s = scene.over((2, 0, 5))
    tariff = price(scene.over((300, 7)), units=400, window=12, session_fee=500)
    bay = DeviceOptions("kiosk", 2, scene.over((1, 4)), _BAY.capacity, scene.over((0, 6)))
    scene.wait(BOOTED_MS)
    for turn in range(3):
        scene.do("park", 1)
        scene.consume([0], scene.over((5, 1)))
        scene.wait(1_000 * after_s + scene.over((990, 1_000, 3_500)))
        _dies(scene, who, 1 - turn % 2)
        if turn == 1:
            scene.do("partition", 1)
        scene.wait(scene.over((2_500, 6_000, 30_000)))
        if who == "device":
            scene.do("reset", 1 - turn % 2)
        # It goes on to consume, and stops again.
        scene.consume([0], 3)
        scene.wait(4_000)
        scene.do("start_broker")
        scene.do("mend", 0)
        scene.do("mend", 1)
        scene.wait(5_000)
        scene.do("leave", 1)
        if turn == 1:
            scene.settle()
        scene.wait(3_000)
    scene.wait(9_000)
    bay = replace(bay, idle_of=0, idle_after_s=after_s)
    options = site(scene, tariff, [device(tariff), bay])
    return replace(options, tariffs=[*options.tariffs, _BAY])


PLOTS = (legs, sessions, ends, idle)
