"""Plots about a chain: branches, nodes and owners, around runs that are settled by an escrow."""

from dataclasses import replace

from simulator.world.scenarios.scene import Scene, plot
from simulator.world.scenarios.sites import BOOTED_MS, device, market, price, site
from simulator.world.story import ChainOptions, Options, TariffOptions

BLOCK_MS = 12_000
"""From one block to the next."""
_BACK = ("at_once", "later", "never")
_TROUBLE = ("lose", "kill_after", "kill_before", "fail_after", "forget", "behind", "stall", "fail")
_DEVICES = (0, 2, 3)
_BLOCKS_AN_HOUR = 300


def _shore(scene: Scene, tariff: TariffOptions, deep: int, *, nodes: int = 1) -> Options:
    """A site whose owners are paid over a chain, on which what `deep` blocks stand on is final."""
    options = site(scene, tariff, [*market(tariff), device(tariff, chain=12)])
    locked = [("depot", 10**7), ("kiosk", 10**6), ("operator", 1)]
    return replace(options, chain=ChainOptions(deep, nodes, locked, bond=10**8))


def _use(scene: Scene) -> None:
    scene.consume(_DEVICES[:2], 9)
    scene.wait(2_500)


@plot(
    "another branch replaces the blocks of each step that a run takes over a chain",
    "chain_reorganised",
    "chain_took_back",
    "chain_lost",
    "chain_between",
)
def branches(scene: Scene) -> Options:
    """Runs and deposits get into blocks, and other blocks replace these: before the gateway looks,
    between two answers, once or at each look; what was in them comes back at once, late or never.
    """
    deep = scene.over((3, 2, 5))
    back = scene.over(_BACK)
    count = scene.over((1, 2, 4, 3))
    when = scene.over(range(4))
    after = scene.over(range(18))
    tariff = price(scene.over((300, 7)), scene.over((1, 2)), units=60)
    scene.wait(BOOTED_MS)
    for turn in range(3):
        _use(scene)
        scene.do("lock", 1, 50_000)
        scene.do("settle")
        scene.wait(BLOCK_MS)
        for step in range(deep + 2):
            if step % 4 == (when + turn) % 4:
                scene.do("replace_blocks", count, back)
            if step % 4 == (when + turn + 1) % 4:
                scene.do("blocks_between", count, back, after)
            scene.do("look")
            scene.wait(BLOCK_MS)
    return _shore(scene, tariff, deep)


@plot(
    "each answer of a node is lost, false or late in turn, or costs its process its life",
    "node_answer_lost",
    "node_failed_after",
    "node_forgot",
    "node_behind",
    "chain_killed",
    "chain_replaced",
)
def nodes(scene: Scene) -> Options:
    """As a run is brought to a chain, one request after the other meets one trouble; gas rises
    meanwhile, or nobody takes the transaction, so that a dearer one must take its place."""
    what = scene.over(_TROUBLE)
    other = scene.over(("behind", *_TROUBLE[1:5]))
    at = scene.over(range(24))
    back = scene.over((1, 9, 3))
    slow = scene.over(("gas", "keep_out", "neither"))
    several = scene.over((1, 2))
    tariff = price(300, units=60)
    scene.wait(BOOTED_MS)
    for turn in range(2):
        _use(scene)
        scene.do("node", what, at, back)
        scene.do("node", other, at + 4 * turn + 5, back)
        if slow == "gas":
            scene.do("gas", 30, 12)
        elif slow == "keep_out":
            scene.do("keep_out", 12)
        scene.do("settle")
        scene.wait(BLOCK_MS)
        for _ in range(5):
            scene.do("look")
            scene.wait(4 * BLOCK_MS)
    return _shore(scene, tariff, 3, nodes=several)


@plot(
    "the gateway falls silent after its word on a run: owners claim, wait out their notice and go",
    "node_gone",
    "chain_stuck",
    "escrow_claimed",
    "escrow_left",
    "escrow_short",
)
def silent(scene: Scene) -> Options:
    """What the gateway has signed gets into no block before its owners have claimed, or gone; then
    the gateway comes back, and goes on from where it was."""
    leaves = scene.over((1, 2))
    held_up = scene.over((_BLOCKS_AN_HOUR + 40, 3, 40))
    returns = scene.over((1, 0))
    claims = scene.over((1, 0, 1))
    tariff = price(300, units=60, payee="kiosk")
    scene.wait(BOOTED_MS)
    _use(scene)
    scene.do("keep_out", held_up)
    scene.do("settle")
    scene.do("nodes_gone", 1)
    scene.do("owner", leaves, "giveNotice")
    scene.wait(BLOCK_MS + 1_000)
    if claims:
        scene.do("claim", 2)
        scene.do("claim", 0)
        scene.wait(BLOCK_MS)
        scene.do("take", 2, 0)
    _use(scene)
    scene.do("look")
    if returns:
        scene.do("nodes_gone", 0)
        scene.do("look")
    scene.do("sleep", 1)
    scene.wait(2 * BLOCK_MS)
    scene.do("owner", leaves, "exit")
    scene.wait(BLOCK_MS + 1_000)
    scene.do("take", leaves, 0)
    scene.do("nodes_gone", 0)
    for _ in range(3):
        scene.do("settle")
        scene.wait(5 * BLOCK_MS)
    return _shore(scene, tariff, 3)


PLOTS = (branches, nodes, silent)
