"""Plots about one device that buys from another, with the gateway between them."""

from itertools import permutations

from simulator.world.scenarios.scene import Scene, plot
from simulator.world.scenarios.sites import BOOTED_MS, STEP_MS, market, price, site
from simulator.world.story import Options

_BUYER, _SELLER = 0, 1


@plot(
    "buyer, seller, gateway and broker die in every order around one credit",
    "device_reset",
    "broker_killed",
    "gateway_killed_after_commit",
)
def credit_deaths(scene: Scene) -> Options:
    """One step of a credit's way apart, or long after each other."""
    order = scene.over(tuple(permutations(("gateway", "seller", "buyer", "broker"))))
    phase_ms = STEP_MS * scene.over(range(1, 12))
    gap_ms = scene.over((STEP_MS, 10, 20, 3_000))
    where = scene.over(("now", "after_commit", "publish", "before_commit"))
    tariff = price(scene.over((300, 1)), scene.over((1, 3)), units=40, window=scene.over((6, 1)))
    scene.wait(BOOTED_MS + 2_000)
    for _ in range(2):
        scene.consume((_BUYER,), 3)
        scene.wait(400)
        if where != "now":
            scene.do("kill_gateway_at", where, 0, 700)
        scene.consume((_BUYER, 2), 9)
        scene.wait(phase_ms)
        for who in order:
            if who == "gateway" and where == "now":
                scene.do("kill_gateway", 700)
            if who == "buyer":
                scene.do("reset", _BUYER)
            if who == "seller":
                scene.do("reset", _SELLER)
            if who == "broker":
                scene.do("kill_broker")
            scene.wait(gap_ms)
        scene.wait(200)
        scene.do("start_broker")
        scene.wait(12_000)
        scene.do("settle")
    return site(scene, tariff, market(tariff, chain=scene.over((0, 5))))


@plot(
    "a seller loses power within each write of its earnings, as credits come late or doubled",
    "device_power_cut",
    "message_delayed",
)
def seller_torn(scene: Scene) -> Options:
    """The seller loses power within each write of what it keeps of its earnings: a mirror, a
    credit, an end; and credits come late, doubled and in another order."""
    writes = scene.over(range(8))
    kept = scene.over((0, 5, 60, 200, 399))
    effect = scene.over(("reorder", "delay", "duplicate", "drop"))
    kind = scene.over(("credit", "mirror", "receipt"))
    tariff = price(300, units=12, window=6)
    scene.do("cut_power_earning", _SELLER, writes, kept)
    scene.wait(BOOTED_MS + 2_000)
    for units in (5, 12, 20):
        scene.do("net", effect, _SELLER, "down", kind, 2, 900)
        scene.consume((_BUYER,), units)
        scene.wait(3_000)
        scene.do("cut_power_earning", _SELLER, writes // 2, kept + 31)
        # What waits to be overtaken waits half a minute.
        scene.wait(36_000)
    scene.do("settle")
    scene.wait(6_000)
    return site(scene, tariff, market(tariff, step=scene.over((1, 3))))


@plot(
    "a seller misses the ends of channels until it can keep no more, and comes back",
    "message_dropped",
    "device_reset",
)
def missed_ends(scene: Scene) -> Options:
    """Each channel pays for few units, and their receipts are lost to the seller, or come late or
    before what they end; then it is reset, wiped or away for a while, or nothing happens to it."""
    units = scene.over((1, 2, 3))
    effect = scene.over(("drop", "delay", "reorder"))
    comes_back = scene.over(("stay", "reset", "wipe", "partition"))
    tariff = price(300, units=units, window=scene.over((4, 1)))
    scene.wait(BOOTED_MS + 2_000)
    scene.do("net", effect, _SELLER, "down", "receipt", scene.over((9, 20)), 40_000)
    for _ in range(12):
        scene.consume((_BUYER,), units)
        scene.wait(4_000 + STEP_MS * scene.over(range(1, 8)))
    scene.do("settle")
    if comes_back != "stay":
        scene.do(comes_back, _SELLER)
    scene.wait(50_000)
    scene.do("mend", _SELLER)
    scene.wait(20_000)
    for _ in range(4):
        scene.consume((_BUYER,), units)
        scene.wait(4_000)
    return site(scene, tariff, market(tariff))


@plot(
    "a trade is closed, frozen, filled, suspended or revoked in mid-credit, and settled then",
    "closed_by_operator",
    "suspended",
    "device_partitioned",
)
def trade_ends(scene: Scene) -> Options:
    """A trade ends in mid-credit: its channel is closed, frozen, filled or expires, its buyer or
    seller is suspended, revoked or wiped; and it is settled at that moment."""
    how = scene.over(
        (
            *("close", "suspend buyer", "suspend seller", "expire", "cheat"),
            *("revoke seller", "wipe seller", "revoke buyer", "fill", "wipe buyer"),
        )
    )
    phase_ms = STEP_MS * scene.over(range(1, 12))
    seller_away = scene.over(("no", "yes"))
    tariff = price(scene.over((300, 7)), scene.over((1, 2)), units=24)
    scene.wait(BOOTED_MS + 2_000)
    scene.consume((_BUYER, 2), 7)
    scene.wait(1_000)
    if how == "expire":
        # What devices sell lasts for a day.
        scene.do("gateway_clock", 86_400 + scene.over((3, 0, 6)) - scene.now // 1_000)
    if seller_away == "yes":
        scene.do("partition", _SELLER)
    scene.consume((_BUYER, 2), 30 if how == "fill" else 8)
    scene.wait(phase_ms)
    number = _SELLER if "seller" in how else _BUYER
    if how == "cheat":
        scene.do("equivocate", _BUYER, 2)
    elif how not in ("expire", "fill"):
        scene.do(how.partition(" ")[0], number)
    scene.do(scene.over(("settle", "settle_twice")))
    scene.wait(scene.over((1_200, 20, 50_000)))
    scene.do("mend", _SELLER)
    scene.do("thaw", _BUYER)
    scene.settle()
    scene.wait(4_000)
    if "revoke" not in how:
        scene.do("resume", number)
    scene.consume((_BUYER, 2), 9)
    scene.wait(20_000)
    return site(scene, tariff, market(tariff, chain=scene.over((0, 6))))


PLOTS = (credit_deaths, seller_torn, missed_ends, trade_ends)
