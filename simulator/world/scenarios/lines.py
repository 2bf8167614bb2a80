"""Plots about the way between devices and gateway: what is cut, lost, late, or in another order."""

from simulator.world.scenarios.scene import EVERYWHERE, Scene, plot
from simulator.world.scenarios.sites import BOOTED_MS, STEP_MS, device, market, price, site
from simulator.world.story import Options

_OPENING = ("hello", "resume", "offer", "open", "opened", "iou", "ack")
_ENDING = ("close", "receipt", "open", "opened", "iou", "ack", "hello")
_UP = ("iou", "hello", "open", "close", "tick", "sell", "find")
_DOWN = (
    *("ack", "receipt", "opened", "resume", "offer", "grant", "refused"),
    *("mirror", "credit", "listed", "successor"),
)


@plot(
    "a window runs out behind a cut line; then ack and grant come in the wrong order",
    "device_partitioned",
    "message_reordered",
    "suspended",
)
def window(scene: Scene) -> Options:
    """The window is drawn empty while nothing gets through; then ack and grant overtake each other,
    and an operator has decided meanwhile."""
    tariff = price(300, units=scene.over((200, 15)), window=scene.over((5, 1, 9)))
    away_ms = scene.over((50_000, 300, 20_000))
    decides = scene.over(("while away", "not", "as it comes back", "both"))
    late = scene.over(("grant", "ack", "", "resume"))
    effect = scene.over(("reorder", "delay", "duplicate"))
    scene.wait(BOOTED_MS)
    scene.consume((0, 1), 3)
    scene.wait(STEP_MS * scene.over(range(10)))
    scene.do("partition", 0)
    scene.consume((0, 1), 30)
    scene.wait(100)
    if decides in ("while away", "both"):
        scene.do("suspend", 0)
    scene.wait(away_ms)
    scene.do("net", effect, 0, "down", late, 2, 3_000)
    scene.do("mend", 0)
    if decides in ("while away", "both"):
        scene.do("resume", 0)
    if decides in ("as it comes back", "both"):
        scene.wait(1_200)
        scene.do("suspend", 0)
        scene.wait(1_050)
        scene.do("resume", 0)
    scene.wait(40_000)
    scene.consume((0, 1), 12)
    scene.wait(5_000)
    return site(scene, tariff, [device(tariff), device(tariff, step=3)])


@plot(
    "one kind of word does not get through as it should, for the whole life of a channel",
    "message_dropped",
    "message_corrupted",
    "message_delayed",
)
def words(scene: Scene) -> Options:
    """One kind of word up and one down do not get through as they should, for a whole life: open,
    pay, tick, trade, close, follow another key."""
    tariff = price(300, units=40, window=10)
    up = scene.over(_UP)
    down = scene.over(_DOWN)
    effect = scene.over(("drop", "corrupt", "delay", "duplicate", "reorder"))
    count = scene.over((2, 5, 1))
    argument = {"delay": 20_000, "duplicate": 300, "corrupt": scene.draw.randrange(200)}
    for kind in (up, down):
        scene.do("net", effect, EVERYWHERE, "", kind, count, argument.get(effect, 0))
    scene.wait(BOOTED_MS)
    devices = range(4)
    for units in (9, 25, 20):
        scene.consume(devices, units)
        scene.wait(7_000)
    scene.do("suspend", 2)
    scene.do("rotate_key", 300)
    scene.wait(4_000)
    scene.do("resume", 2)
    scene.do("net", effect, EVERYWHERE, "", down, count, argument.get(effect, 0))
    scene.do("finish", 3)
    scene.consume(devices, 30)
    scene.do("settle")
    scene.wait(30_000)
    return site(scene, tariff, [*market(tariff), device(tariff, chain=20)])


@plot("the broker dies at each word by which channels open, and by which they end", "broker_killed")
def opening(scene: Scene) -> Options:
    """The broker dies before or just after it passes on each word by which a channel opens, and
    then each by which one that is full ends and the next opens."""
    tariff = price(250, units=10, window=10)
    devices = range(2)
    away_ms = scene.over((4_000, 100, 50_000))
    with_it = scene.over(("nobody", "the gateway", "a device"))
    for words in (_OPENING, _ENDING):
        kind = scene.over(words)
        after_ms = scene.over((0, 12, 17, 25))
        scene.do("kill_broker_at", kind, after_ms)
        scene.consume(devices, 10)
        scene.wait(4_000)
        if with_it == "the gateway":
            scene.do("kill_gateway", 1_000)
        if with_it == "a device":
            scene.do("reset", 0)
        scene.wait(away_ms)
        scene.do("start_broker")
        scene.wait(40_000)
    return site(scene, tariff, [device(tariff), device(tariff, chain=4)])


PLOTS = (window, words, opening)
