"""What each operation with a chain does: one table, from names to deeds. In a world without one
they do nothing.

Accounts are named by their number among those that have an address.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from simulator.world.chain.trouble import BACK, DECISIONS, TROUBLE
from simulator.world.story import StoryError
from simulator.world.world import World

if TYPE_CHECKING:
    from simulator.world.chain.waterfront import Waterfront

_GWEI = 10**9

Deed = Callable[..., object]


def _there(deed: Callable[..., object]) -> Deed:
    """The deed at the waterfront, where there is one."""

    def done(world: World, *arguments: int | str) -> None:
        if world.waterfront is not None:
            deed(world.waterfront, *arguments)

    return done


def _of(deed: Callable[..., object]) -> Deed:
    """The same, of an account."""

    def done(there: "Waterfront", number: int, *arguments: int | str) -> None:
        owners = list(there.owners)
        deed(there, owners[number % len(owners)], *arguments)

    return _there(done)


def _decide(there: "Waterfront", account: str, what: str) -> None:
    there.decide(account, _one_of(what, DECISIONS))


def _replace(there: "Waterfront", count: int, back: str) -> None:
    there.chain.replace_blocks(count, _one_of(back, BACK))


def _befall(there: "Waterfront", what: str, after: int, argument: int) -> None:
    there.nodes.befall(_one_of(what, TROUBLE), after, argument)


def _gone(there: "Waterfront", gone: int) -> None:
    there.nodes.gone = bool(gone)


def _between(there: "Waterfront", count: int, back: str, after: int) -> None:
    def act() -> None:
        for _ in range(count):
            there.chain.mine()
        there.chain.replace_blocks(count, _one_of(back, BACK))
        there.nodes.faults.took_effect("chain_between")

    there.nodes.between(after, act)


def _one_of(word: str, words: Iterable[str]) -> str:
    if word not in words:
        raise StoryError(f"chain: must be one of {', '.join(words)}, not {word}")
    return word


def _look(world: World) -> None:
    if world.waterfront is not None:
        world.operator.look()


OPERATIONS: dict[str, tuple[str, Deed]] = {
    "look": ("the gateway looks at the chain, and brings on what waits", _look),
    # People
    "lock": ("owner {} locks {}", _of(lambda there, owner, units: there.lock(owner, units))),
    "take": (
        "owner {} takes {} of what is free (0: all)",
        _of(lambda there, owner, units: there.take(owner, units)),
    ),
    "owner": ("owner {} does {}", _of(_decide)),
    "claim": (
        "owner {} claims by the gateway's newest word",
        _of(lambda there, owner: there.claim(owner)),
    ),
    "bond": ("the operator lends {}", _there(lambda there, units: there.lend(units))),
    "ask_bond": (
        "the operator announces to take {} of the bond",
        _there(lambda there, units: there.ask_bond(units)),
    ),
    "take_bond": (
        "the operator takes what was announced",
        _there(lambda there: there.take_bond()),
    ),
    "release": (
        "of what owner {} has locked the operator frees {}",
        _of(lambda there, owner, units: there.release(owner, units)),
    ),
    "pause": (
        "the operator stops the escrow (or lets it go on: {})",
        _there(lambda there, on: there.pause(on=bool(on))),
    ),
    # The chain
    "replace_blocks": (
        "another branch replaces {} blocks; their transactions come back {}",
        _there(_replace),
    ),
    "blocks_between": (
        "{} blocks come and are replaced (their transactions come back {}) before request {}+1",
        _there(_between),
    ),
    "gas": (
        "gas costs {} gwei for {} blocks",
        _there(lambda there, gwei, blocks: there.chain.make_dear(gwei * _GWEI, blocks)),
    ),
    "keep_out": (
        "no block takes the gateway's transactions, for {} blocks",
        _there(lambda there, blocks: there.keep_out(blocks)),
    ),
    # Its nodes
    "node": ("a node: {} at request {}+1 ({})", _there(_befall)),
    "nodes_gone": ("no node can be reached ({})", _there(_gone)),
}
"""Each operation, in words with its arguments, and what it does; arguments are integers and
words."""
