"""Makes up what happens on a chain beside everything else: who locks, takes back, leaves and
claims, and what befalls blocks, transactions and nodes. Drawn apart from the rest of a story, into
which it is then woven.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from simulator.world.actions_money import Sequence, woven
from simulator.world.chain.trouble import BACK, TROUBLE
from simulator.world.story import ChainOptions, Operation, Options

_LIKELY = 0.15
_OWNERS = (0, 1, 1, 1, 2, 2)
"""Numbers of the accounts that have an address, those with most money more often."""


def _wait(draw: Random) -> Operation:
    return ["wait", draw.choice((13_000, 13_000, 26_000))]


def _going_on(draw: Random) -> Sequence:
    """The gateway looks a few times, and blocks come between."""
    found: Sequence = []
    for _ in range(draw.randint(1, 3)):
        found += [["look"], _wait(draw)]
    return found


def _units(draw: Random) -> int:
    return draw.choice((1, 30_000, 250_000, 10**9, 10**11))


def _locking(draw: Random) -> Sequence:
    return [["lock", draw.choice(_OWNERS), _units(draw)], _wait(draw), ["look"]]


def _run(draw: Random) -> Sequence:
    """There is something to settle, and it is."""
    return [["consume", draw.randrange(4), draw.choice((2, 9))], ["wait", 2_500], ["settle"]]


def _settling(draw: Random) -> Sequence:
    return [*_run(draw), *_going_on(draw)]


def _leaving(draw: Random) -> Sequence:
    owner = draw.choice(_OWNERS)
    begun: Sequence = [["owner", owner, "giveNotice"], _wait(draw), ["look"]]
    if draw.random() < 0.4:
        return [*begun, ["owner", owner, "stay"], _wait(draw), ["look"]]
    asleep: Operation = ["sleep", 1] if draw.random() < 0.8 else ["wait", 60_000]
    gone: Sequence = [["owner", owner, "exit"], ["wait", 13_000], ["take", owner, 0]]
    return [*begun, ["settle"], asleep, *(gone if draw.random() < 0.7 else []), *_settling(draw)]


def _taking(draw: Random) -> Sequence:
    return [["take", draw.choice(_OWNERS), draw.choice((0, 0, 1, 10**12))]]


def _claiming(draw: Random) -> Sequence:
    """A word is given, and is not posted before it is claimed."""
    ways: Sequence = [["keep_out", 3], ["node", "lose", 6, 0], ["gas", 60, 2]]
    held_up = draw.choice(ways)
    claims: Sequence = [["claim", owner] for owner in range(3)]
    return [held_up, *_run(draw), *claims, _wait(draw), ["take", 2, 0], *_going_on(draw)]


def _replacing(draw: Random) -> Sequence:
    begun: Sequence = [*_run(draw), ["wait", 13_000]] if draw.random() < 0.8 else []
    return [*begun, ["replace_blocks", draw.randint(1, 5), draw.choice(BACK)], *_going_on(draw)]


def _between(draw: Random) -> Sequence:
    after = draw.randrange(20)
    between: Operation = ["blocks_between", draw.randint(1, 4), draw.choice(BACK), after]
    return [between, *_run(draw), *_going_on(draw)]


def _nodes(draw: Random) -> Sequence:
    found: Sequence = _run(draw) if draw.random() < 0.3 else []
    for _ in range(draw.randint(1, 3)):
        what = draw.choice((*TROUBLE, "fail_after", "forget"))
        found.append(["node", what, draw.randrange(25), draw.randint(1, 9)])
    if draw.random() < 0.3:
        # For so long that only what follows sees the newest block.
        found += [["node", "behind", 0, 9]] * draw.choice((4, 8))
    return [*found, *(_run(draw) if draw.random() < 0.6 else []), *_going_on(draw)]


def _away(draw: Random) -> Sequence:
    return [["nodes_gone", 1], *_settling(draw), ["nodes_gone", 0]]


def _price(draw: Random) -> Sequence:
    """A transaction is stuck until a dearer one takes its place, or gas is too dear to send any."""
    if draw.random() < 0.5:
        return [["gas", 500, 12], ["wait", 13_000], *_run(draw), *_going_on(draw), ["wait", 99_000]]
    stuck: Operation = ["gas", 30, 55] if draw.random() < 0.5 else ["keep_out", 55]
    return [stuck, *_run(draw), ["wait", 601_000], *_going_on(draw), ["wait", 60_000]]


def _bond(draw: Random) -> Sequence:
    if draw.random() < 0.4:
        return [
            ["ask_bond", draw.choice((10**6, 10**14))],
            ["sleep", 1],
            ["take_bond"],
            *_settling(draw),
        ]
    return [["bond", draw.choice((1, 10**6, 10**13))]]


def _operating(draw: Random) -> Sequence:
    if draw.random() < 0.5:
        released: Operation = ["release", draw.choice(_OWNERS), draw.choice((1, 1, 30_000))]
        return [released, ["wait", 13_000], *_going_on(draw)]
    return [["pause", 1], *_settling(draw), ["pause", 0]]


def _paid_there(draw: Random) -> Sequence:
    return [_proposed(draw.choice(_OWNERS)), ["approve_payout", 0, draw.choice((0, 0, 60))]]


def _proposed(owner: int) -> Operation:
    return ["payout", owner, "evm", 0]


def _asked_back(draw: Random) -> Sequence:
    """Deposits in the books are asked back over the chain."""
    owner = draw.choice(_OWNERS)
    paid_in: Operation = ["deposit", owner, draw.choice((30_000, 250_000)), draw.randint(7, 9)]
    return [paid_in, ["withdraw", owner, 0, "evm"], ["approve_withdrawal", 0], *_going_on(draw)]


_KINDS: tuple[Callable[[Random], Sequence], ...] = (
    _locking,
    _settling,
    _leaving,
    _taking,
    _claiming,
    _replacing,
    _between,
    _nodes,
    _away,
    _price,
    _price,
    _bond,
    _operating,
    _paid_there,
    _asked_back,
)


def weave(options: Options, operations: list[Operation]) -> tuple[Options, list[Operation]]:
    """A world with a chain and a story with what happens there woven in, for some of the seeds.
    Operations that belong together stay together, and none comes before the story's first."""
    draw = Random(f"chain {options.seed}")
    if draw.random() >= _LIKELY:
        return options, operations
    # Wherever they were paid before, most are paid over the chain from early on.
    sequences: list[Sequence] = [
        [_proposed(owner), ["approve_payout", 0, 0], ["look"]]
        for owner in range(3)
        if draw.random() < 0.8
    ]
    sequences += [kind(draw) for kind in draw.sample(_KINDS, draw.randint(4, 8))]
    return (
        _with_chain(draw, options),
        operations[:1] + woven(draw, operations[1:], sequences),
    )


def _with_chain(draw: Random, options: Options) -> Options:
    """A chain, and on it those who are paid over it; in some of the worlds one has no credit but
    what it has locked."""
    needed = 4 * sum(
        max(each.capacity, options.tariffs[each.tariff].capacity) for each in options.devices
    )
    locked = [("fleet", needed + 1_000_000)]
    if draw.random() < 0.7:
        locked.append(("merchant", draw.choice((1, 10**6, needed))))
    if draw.random() < 0.3:
        locked.append(("operator", 10**6))
    accounts = options.accounts
    if not options.deposits and draw.random() < 0.4:
        accounts = [
            (name, currency, 0 if name == "fleet" else limit) for name, currency, limit in accounts
        ]
    bond = draw.choice((1, 10**13, 10**13, 10**13))
    found = ChainOptions(draw.choice((2, 3, 5)), draw.choice((1, 1, 2)), locked, bond)
    return replace(options, accounts=accounts, chain=found)
