"""Plots about the gateway's machine: upgrades, fail-overs, its disk, its power and its clock."""

from simulator.world.scenarios.scene import Scene, plot
from simulator.world.scenarios.sites import BOOTED_MS, STEP_MS, device, price, site
from simulator.world.story import DeviceOptions, Options, TariffOptions

_TARIFF = price(7, 2, units=60, window=15)


def _fleet(tariff: TariffOptions) -> list[DeviceOptions]:
    return [
        device(tariff),
        device(tariff, step=3),
        device(tariff, chain=6),
        device(tariff, chain=50),
    ]


_DEVICES = range(4)


@plot(
    "a gateway is upgraded in rolling restarts under load",
    "second_gateway",
    "gateway_fenced",
    "gateway_killed",
    "gateway_stalled",
)
def upgrade(scene: Scene) -> Options:
    """Five restarts one after another under load: the next one starts before the last has ended,
    after it was killed, or while it stands still with a batch in its hands."""
    kinds = ("started beside", "killed", "stalled", "killed speaking", "killed in a step")
    scene.wait(BOOTED_MS)
    for _ in range(5):
        kind = scene.over(kinds)
        scene.consume(_DEVICES, 8)
        scene.wait(STEP_MS * scene.over(range(1, 8)))
        if kind == "started beside":
            scene.do("second_gateway")
        elif kind == "killed":
            scene.do("kill_gateway", 300)
        elif kind == "stalled":
            scene.do("stall_gateway", 2_000)
            scene.consume(_DEVICES, 3)
            scene.do("second_gateway")
        elif kind == "killed speaking":
            scene.do("kill_gateway_at", "publish", scene.over((0, 1, 3)), 300)
        else:
            point = scene.over(("before_commit", "after_commit", "execute"))
            scene.do("kill_gateway_at", point, 0, 300)
        scene.consume(_DEVICES, 4)
        scene.wait(scene.over((2_500, 500, 6_000)))
    scene.settle()
    scene.wait(9_000)
    return site(scene, _TARIFF, _fleet(_TARIFF))


@plot(
    "operators of two gateways settle at once while one takes over from the other",
    "second_gateway",
    "gateway_fenced",
    "settlement_raced",
    "gateway_stalled",
)
def failover(scene: Scene) -> Options:
    """The gateway stands still and another takes over; operators of both settle at once, and the
    first wakes with what it was about to write."""
    before = scene.over((0, 1))
    meanwhile = scene.over(("second_gateway", "kill_gateway", "a_day_passes"))
    wakes_ms = scene.over((3_000, 800, 12_000))
    scene.wait(BOOTED_MS)
    scene.consume(_DEVICES, 9)
    scene.wait(100 + STEP_MS * scene.over(range(1, 8)))
    scene.do("stall_gateway", wakes_ms)
    scene.consume(_DEVICES, 6)
    scene.wait(20)
    scene.do("second_gateway")
    scene.do("settle_raced", before)
    scene.wait(scene.over((50, 2_500)))
    scene.consume(_DEVICES, 6)
    scene.wait(STEP_MS * scene.over(range(1, 8)))
    scene.do("settle_while", meanwhile, before)
    scene.do("rail_execute")
    scene.do("rail_again")
    scene.do("report", 2)
    scene.wait(20_000)
    scene.consume(_DEVICES, 6)
    scene.wait(100)
    scene.do("stall_gateway", wakes_ms)
    scene.do("second_gateway")
    scene.do("decide_between", "settle", 0, before)
    scene.consume(_DEVICES, 12)
    scene.wait(20_000)
    return site(scene, _TARIFF, _fleet(_TARIFF))


@plot(
    "the gateway, and then a settlement, die at each statement in turn",
    "gateway_killed_in_step",
    "settlement_killed",
)
def statements(scene: Scene) -> Options:
    """The process dies at each statement in turn: while channels open, are paid on, are filled and
    closed, and when a run's receipts are told."""
    at = scene.over(range(48))
    scene.do("kill_gateway_at", "execute", at, 400)
    scene.wait(6_000)
    for units in (6, 30, 60):
        scene.do("kill_gateway_at", "execute", scene.over(range(48)), 400)
        scene.consume(_DEVICES, units)
        scene.wait(6_000)
    scene.do("settle_killed", "execute", scene.over(range(48)))
    scene.do("kill_gateway_at", "execute", scene.over(range(16)), 400)
    scene.settle()
    scene.wait(6_000)
    scene.consume(_DEVICES, 6)
    scene.wait(6_000)
    return site(scene, _TARIFF, _fleet(_TARIFF))


@plot("a disk fills up, is freed, and fills again", "disk_full")
def full_disk(scene: Scene) -> Options:
    """Room for a few writes more, each time a few later; freed, and full again: under load, at a
    settlement, and when the rail's outcomes are recorded."""
    room = scene.over(range(12))
    freed_ms = scene.over((5_000, 200, 60_000))
    scene.wait(BOOTED_MS)
    for full in ("load", "settlement", "outcomes", "load"):
        scene.consume(_DEVICES, 12)
        if full == "load":
            scene.do("fill_disk", room)
        scene.wait(200)
        if full == "settlement":
            scene.do("fill_disk", 3 * room)
        scene.do("settle")
        scene.do("rail_execute")
        if full == "outcomes":
            scene.do("fill_disk", room % 4)
        scene.do("report", 100)
        scene.consume(_DEVICES, 5)
        scene.wait(freed_ms)
        scene.do("mend_disk")
        if scene.over(("settled", "not")) == "settled":
            scene.settle()
        scene.wait(6_000)
    return site(scene, _TARIFF, _fleet(_TARIFF))


@plot("the gateway's machine loses power at the commits of a channel's life", "power_loss")
def power(scene: Scene) -> Options:
    """Power is lost at the commits of opening, paying and closing, and just after a run."""
    point = scene.over(("before_commit", "after_commit", "execute"))
    down_ms = scene.over((500, 20_000))
    scene.do("lose_power_at", point, scene.over((0, 1, 2, 3)), down_ms)
    scene.wait(12_000 + down_ms)
    for units in (6, 45, 30):
        scene.do("lose_power_at", point, scene.over((0, 1, 2, 3, 4)), down_ms)
        scene.consume(_DEVICES, units)
        scene.wait(STEP_MS * scene.over(range(1, 8)))
        if scene.over(("not", "settled")) == "settled":
            scene.settle()
            scene.do("lose_power", down_ms)
        scene.wait(6_000 + down_ms)
    return site(scene, _TARIFF, _fleet(_TARIFF), loses_power=True)


@plot("the gateway's clock jumps over the end of a period, and back", "gateway_clock")
def clocks(scene: Scene) -> Options:
    """The clock jumps over the end of a period, back before its start, or within the settlement,
    and is put right again."""
    tariff = price(300, units=80, window=15, lifetime_s=scene.over((86_400, 900)))
    jump_s = scene.over((3_600, -3_600, 31 * 86_400, -1_800_000_000, 315_360_000, 1))
    when = scene.over(("before", "between", "after", "under load"))
    scene.wait(BOOTED_MS)
    for turn in range(3):
        scene.consume(_DEVICES, 7)
        scene.wait(STEP_MS * scene.over(range(1, 8)))
        if when in ("before", "under load"):
            scene.do("gateway_clock", jump_s)
        if when == "under load":
            scene.consume(_DEVICES, 9)
            scene.wait(2_000)
        if when == "between":
            scene.do("settle_while", "a_day_passes", turn % 2)
        else:
            scene.do("settle")
        if when == "after":
            scene.do("gateway_clock", jump_s)
        scene.do("rail_execute")
        scene.do("report", 100)
        scene.consume(_DEVICES, 5)
        scene.wait(scene.over((300, 40_000)))
        scene.do("gateway_clock", -86_400 if when == "between" else -jump_s)
        scene.wait(3_000)
        scene.do("settle")
    scene.wait(9_000)
    return site(scene, tariff, _fleet(tariff))


PLOTS = (upgrade, failover, statements, full_disk, power, clocks)
