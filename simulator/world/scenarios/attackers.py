"""Plots about attackers: who copies a device, records the broker, forges, or cheats with a key of
its own."""

from itertools import permutations

from simulator.world.scenarios.scene import Scene, plot
from simulator.world.scenarios.sites import BOOTED_MS, STEP_MS, device, price, site
from simulator.world.story import Options

_FORGERIES = (
    *("foreign_iou", "foreign_tick", "foreign_close", "foreign_ack"),
    *("foreign_key", "unmeant_kind", "noise"),
)


@plot(
    "a device's flash is copied, both are used, and the old image is put back after settlement",
    "device_copied",
    "flash_put_back",
    "taken_over",
)
def thief(scene: Scene) -> Options:
    """Both images are at work, in turns or at once; it is settled; then the old image is put back
    into the first, or the copy alone goes on. In another order: the image goes back first."""
    tariff = price(300, units=scene.over((60, 9)), window=8)
    chain = scene.over((0, 3, 40))
    uses = scene.over(("both", "copy", "copy first", "original"))
    age = scene.over((1, 3, 6, 12))
    ends = scene.over(("settle then put back", "put back then settle", "close then put back"))
    scene.wait(BOOTED_MS)
    scene.consume((0, 1), 7)
    scene.wait(STEP_MS * scene.over(range(1, 12)))
    scene.do("copy", 0)
    if uses == "copy first":
        scene.do("partition", 0)
    scene.wait(3_500)
    if uses != "original":
        scene.do("copies_consume", 9)
    if uses in ("both", "original"):
        scene.consume((0, 1), 9)
    scene.wait(6_000)
    scene.do("mend", 0)
    scene.consume((0, 1), 5)
    scene.wait(4_000)
    if ends == "close then put back":
        scene.do("close", 0)
    if ends == "put back then settle":
        scene.do("put_back", 0, age)
        scene.wait(2_100)
    scene.settle()
    if ends != "put back then settle":
        scene.do("put_back", 0, age)
    scene.consume((0, 1), 11)
    scene.do("copies_consume", 6)
    scene.wait(9_000)
    scene.do("thaw", 0)
    scene.do("put_back", 0, 2 * age)
    scene.wait(6_000)
    scene.do("remove_copies")
    scene.settle()
    scene.wait(6_000)
    return site(scene, tariff, [device(tariff, chain=chain), device(tariff)])


@plot(
    "a recorded day is played back on the next, on other topics and across a key's change",
    "replayed",
    "key_rotated",
    "gateway_killed",
)
def playback(scene: Scene) -> Options:
    """A whole day is recorded: channels that opened, paid, ended. On the next day all of it comes
    again, in its order or from its end, on the devices' own topics or another's, before or after
    the key changed, and once more after the settlement."""
    tariff = price(250, units=scene.over((14, 50)), window=9)
    onto = scene.over((-1, 0, 2))
    backwards = scene.over((0, 1))
    between = scene.over(("a rotation", "nothing", "a retired key", "closes", "wiped devices"))
    devices = range(3)
    scene.wait(BOOTED_MS)
    scene.consume(devices, 16)
    scene.wait(3_000)
    scene.do("record")
    scene.do("settle")
    scene.do("sleep", scene.over((20, 30)))
    if between in ("a rotation", "a retired key"):
        scene.do("rotate_key", 300)
        scene.wait(4_000)
    if between == "a retired key":
        scene.do("retire_key", 1, 300)
    for number in devices:
        if between == "closes":
            scene.do("close", number)
        if between == "wiped devices":
            scene.do("wipe", number)
    scene.wait(STEP_MS * scene.over(range(1, 8)))
    scene.do("play_back", onto, backwards)
    scene.consume(devices, 9)
    scene.wait(4_000)
    scene.do("kill_gateway", 500)
    scene.do("play_back", onto, 1 - backwards)
    scene.settle()
    scene.do("play_back", -1, 0)
    scene.wait(9_000)
    scene.consume(devices, 9)
    scene.wait(3_000)
    return site(scene, tariff, [device(tariff), device(tariff, chain=6), device(tariff, step=4)])


@plot(
    "a device contradicts itself, and it is settled, thawed, closed and paid in every order",
    "equivocated",
    "thawed",
    "closed_by_operator",
)
def cheat(scene: Scene) -> Options:
    """A device signs what contradicts itself; what follows comes in every order: it is settled, its
    channel is thawed or closed, it goes on paying. And again."""
    order = scene.over(tuple(permutations(("settle", "thaw", "pay", "close"))))
    less = scene.over((1, 3, 9))
    gap_ms = scene.over((1_200, 5, 25))
    tariff = price(scene.over((300, 1)), scene.over((1, 2)), units=40, window=8)
    devices = range(2)
    scene.wait(BOOTED_MS)
    for _ in range(2):
        scene.consume(devices, 12)
        scene.wait(300)
        scene.consume(devices, 3)
        scene.wait(STEP_MS * scene.over(range(1, 6)))
        scene.do("equivocate", 0, less)
        scene.wait(gap_ms)
        for step in order:
            if step == "pay":
                scene.consume(devices, 4)
            elif step == "settle":
                scene.settle()
            else:
                scene.do(step, 0)
            scene.wait(gap_ms)
        scene.wait(9_000)
    return site(scene, tariff, [device(tariff, chain=scene.over((0, 4))), device(tariff)])


@plot(
    "whoever owns the broker forges each kind of word in each phase of a channel's life",
    "forged",
    "acl_dropped",
    "will",
    "retained",
)
def intruder(scene: Scene) -> Options:
    """Whoever owns the broker forges each kind of word as a channel opens, is paid on, is full and
    after it ended, leaves wills and retained words, and speaks on another's topic."""
    tariff = price(300, units=scene.over((200, 15)), window=8)
    devices = range(2)
    forgery = scene.over(_FORGERIES)
    other = scene.over(_FORGERIES[::-1])
    back = scene.over((0, 1, 2, 5, 9, 14))
    scene.wait(2_000)
    for moment_ms in (STEP_MS * scene.over(range(16)), 3_000, 3_000, 9_000):
        scene.wait(moment_ms)
        for number in devices:
            scene.do("forge", number, forgery)
            scene.do("forge", number, other)
        scene.do("trespass", 0, 1, back)
        scene.do("will", 1, back)
        scene.consume(devices, 7)
        scene.do("replay", back, scene.over((-1, 0, 1)), "", 1)
        # Not sooner, or what was forged dies with the gateway before it is looked at.
        scene.wait(20 + STEP_MS * scene.over(range(8)))
        scene.do("reset", 1)
        scene.do("kill_gateway", 500)
    scene.settle()
    scene.do("forge", 0, forgery)
    scene.wait(9_000)
    return site(scene, tariff, [device(tariff), device(tariff, chain=4)])


PLOTS = (thief, playback, cheat, intruder)
