"""Plots about channels that are backed by payment channels of the XRP Ledger."""

from dataclasses import replace

from simulator.world.scenarios.scene import Scene, plot
from simulator.world.scenarios.sites import BOOTED_MS, STEP_MS, device, price, site
from simulator.world.story import Options

_MISCLAIMS = (
    *("one drop less", "one drop more", "another channel"),
    *("an older claim", "another key", "none"),
)
_DEATHS = ("gateway before", "gateway after", "device", "torn", "broker", "wiped", "none")


def _dies(scene: Scene, who: str) -> None:
    if who == "gateway before":
        scene.do("kill_gateway_at", "before_commit", scene.over((0, 1)), 500)
    elif who == "gateway after":
        scene.do("kill_gateway_at", "after_commit", scene.over((0, 1)), 500)
    elif who == "device":
        scene.do("reset", 0)
    elif who == "torn":
        scene.do("cut_power", 0, scene.over((0, 1)), scene.over((20, 0, 200)))
    elif who == "broker":
        scene.do("kill_broker")
    elif who == "wiped":
        scene.do("wipe", 0)


@plot(
    "devices pay by claims on the XRP Ledger, right and wrong ones, as somebody dies",
    "misclaimed",
    "gateway_killed_in_step",
    "gateway_killed_after_commit",
    "device_reset",
)
def claims(scene: Scene) -> Options:
    """Channels are filled and follow one another, each on the next of the ledger's; in between a
    device that pays right signs a claim that does not, which goes before or after the right one."""
    who = scene.over(_DEATHS)
    tariff = price(scene.over((300, 7)), scene.over((1, 3)), units=scene.over((30, 400)), window=12)
    devices = range(3)
    scene.wait(BOOTED_MS)
    for turn in range(6):
        scene.consume(devices, scene.over((5, 12, 1)))
        scene.wait(STEP_MS * scene.over((100, 1, 3, 7)))
        # The telling begins with another one each time.
        wrong = _MISCLAIMS[(turn + scene.over(range(len(_MISCLAIMS)))) % len(_MISCLAIMS)]
        scene.do("misclaim", turn % 2, wrong)
        _dies(scene, who)
        scene.consume(devices, 4)
        scene.wait(3_000)
        scene.do("start_broker")
        if turn % 3 == 2:
            scene.do("close", 1)
            scene.settle()
        scene.wait(4_000)
    scene.wait(9_000)
    paying = [device(tariff), device(tariff, step=3), device(tariff, chain=20)]
    options = site(scene, tariff, [replace(each, claims=True) for each in paying])
    accounts = [
        (name, {"EUR": "XRP", "CHF": "EUR"}[currency], limit)
        for name, currency, limit in options.accounts
    ]
    return replace(options, accounts=accounts)


PLOTS = (claims,)
