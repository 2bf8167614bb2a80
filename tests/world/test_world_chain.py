"""The chain in the deterministic world: it does as chains do, its model is nobody else's code, and
the oracle can fail where what backs accounts is on it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simulator.world import story as stories
from simulator.world.actions import make
from simulator.world.chain.blocks import Block
from simulator.world.chain.waterfront import Waterfront
from simulator.world.oracle import Oracle, Violation
from simulator.world.perform import perform
from simulator.world.run import Outcome, play
from simulator.world.seeds import the_oracle
from simulator.world.story import ChainOptions, Operation, Story
from simulator.world.world import World
from tests.test_rooms import imports
from tests.world.standin import StandIn
from tests.world.test_oracle import OPTIONS, Town

WORLD = Path(__file__).parents[2] / "simulator" / "world"
DEEP = 3
SHORE = replace(OPTIONS, chain=ChainOptions(DEEP, 1, [("fleet", 10**6), ("shop", 5)], bond=10**6))
RUN: list[Operation] = [["consume", 0, 40], ["wait", 60_000], ["settle"]]
BEHIND: list[Operation] = [["node", "behind", 0, 9]] * 8
"""For as long as it is looked what is locked, and not when outcomes are asked for."""
LOOKED: list[Operation] = [["wait", 40_000], ["look"]]


def with_a_chain() -> Story:
    """The first story of random operations that has one."""
    return next(story for story in map(make, range(100)) if story.options.chain is not None)


def hashes(outcome: Outcome) -> tuple[str, str]:
    return outcome.trace, outcome.database


def test_a_world_with_a_chain_is_the_same_run_again_also_from_its_file(tmp_path: Path) -> None:
    story = with_a_chain()
    story.write(tmp_path / "story.json")
    first, again = (play(each, StandIn) for each in (story, stories.read(tmp_path / "story.json")))
    assert first.ok, first.failure
    assert hashes(first) == hashes(again)


@pytest.mark.parametrize("name", ["contract", "word", "wire", "blocks", "node"])
def test_the_model_and_its_nodes_share_no_code_with_the_gateway(name: str) -> None:
    found = imports(WORLD / "chain" / f"{name}.py")
    assert [each for each in found if each.partition(".")[0] in ("gateway", "protocol")] == []


@pytest.fixture
def world() -> Iterator[World]:
    """A world at rest, in which one account pays and the other is paid over a chain."""
    with World(SHORE, Oracle) as there:
        there.advance(60)
        yield there


def shore(world: World) -> Waterfront:
    assert world.waterfront is not None
    return world.waterfront


def do(world: World, *operations: Operation) -> None:
    for operation in operations:
        perform(world, operation)


def states(world: World) -> dict[str, str]:
    return {row.id: row.state for row in world.treasury.rows("instruction", "id").values()}


def test_a_run_over_the_chain_is_paid_when_it_is_final_and_the_books_say_so(world: World) -> None:
    do(world, *RUN)
    assert set(states(world).values()) == {"submitted"}
    do(world, *LOOKED, *LOOKED)
    assert set(states(world).values()) == {"done"} and len(states(world)) == 2
    contract = shore(world).chain.head.contract
    owners = shore(world).owners
    assert [contract.of(owners[name]).settled for name in ("fleet", "shop")] == [-60, 60]
    assert world.treasury.rows("backing", "account_id")["fleet"].amount == 10**6 - 60


@pytest.mark.threat("G6")
def test_no_branch_replaces_what_the_rail_takes_for_final(world: World) -> None:
    chain = shore(world).chain
    final: list[Block] = []
    told = chain.told

    def note(block: Block) -> None:
        final.append(block)
        told(block)

    chain.told = note
    for back in ("at_once", "later", "never"):
        do(world, *RUN, ["wait", 13_000], ["replace_blocks", 99, back], *LOOKED)
    assert world.faults.counts["chain_reorganised"] == 3
    assert all(chain.blocks[block.number].hash == block.hash for block in final)


def test_owners_get_out_while_the_gateway_is_silent_and_take_no_more_than_theirs(
    world: World,
) -> None:
    there = shore(world)
    do(world, ["nodes_gone", 1], ["owner", 0, "giveNotice"], ["sleep", 1], ["wait", 60_000])
    do(world, ["owner", 0, "exit"], ["wait", 13_000], ["take", 0, 0], ["wait", 60_000])
    there.chain.catch_up()
    mine = there.chain.head.contract.of(there.owners["fleet"])
    assert (mine.locked, mine.free) == (0, 0)
    assert there.chain.head.contract.adds_up()
    assert world.faults.counts["escrow_left"] == 1


@pytest.mark.threat("C2")
def test_a_word_that_is_claimed_before_it_is_posted_pays_once(world: World) -> None:
    do(world, ["keep_out", 4], *RUN, ["claim", 1], ["wait", 13_000])
    there = shore(world)
    there.chain.catch_up()
    assert there.chain.head.contract.of(there.owners["shop"]).free == 60
    do(world, *LOOKED, *LOOKED, *LOOKED, *LOOKED)
    assert set(states(world).values()) == {"done"}
    assert there.chain.head.contract.of(there.owners["shop"]).free == 60
    assert world.faults.counts["escrow_claimed"] == 1


STORIES: dict[str, list[Operation]] = {
    "its process dies at each request": [
        step for at in range(0, 12, 2) for step in (["node", "kill_after", at, 0], *RUN, *LOOKED)
    ],
    "answers are lost after transactions were taken": [
        step for _ in range(3) for step in (["node", "fail_after", 0, 0], *RUN, *LOOKED)
    ],
    "a node is behind what an outcome was taken from": [
        *RUN,
        ["wait", 60_000],
        *BEHIND,
        ["look"],
        *BEHIND,
        ["look"],
    ],
}


@pytest.mark.threat("C2", "G6")
@pytest.mark.parametrize("name", STORIES)
def test_a_story_of_trouble_at_the_nodes_ends_well(name: str) -> None:
    outcome = play(Story(SHORE, [["wait", 5_000], *STORIES[name]]), the_oracle())
    assert outcome.ok, outcome.failure


# The oracle


@pytest.fixture
def town(world: World) -> Town:
    do(world, *RUN, *LOOKED, *LOOKED)
    return Town(world)


def test_4_more_backs_an_account_than_is_final(town: Town) -> None:
    town.change("UPDATE backing SET amount = amount + 1 WHERE account_id = 'fleet'")
    with pytest.raises(Violation, match="is not final"):
        town.oracle.check()


def test_4_what_backs_an_account_was_seen_at_a_height_that_is_not_final(town: Town) -> None:
    town.change("UPDATE backing SET height = height + 1000 WHERE account_id = 'shop'")
    with pytest.raises(Violation, match="is not final"):
        town.oracle.check()


def test_4_what_was_collected_backs_an_account_all_the_same(town: Town) -> None:
    town.change("UPDATE backing SET amount = 1000000, height = 5 WHERE account_id = 'fleet'")
    with pytest.raises(Violation, match="has collected what backs it"):
        town.oracle.check()


def test_16_what_backs_an_account_is_less_than_what_it_has_locked(town: Town) -> None:
    town.change("UPDATE backing SET amount = amount - 1 WHERE account_id = 'fleet'")
    with pytest.raises(Violation, match="is locked"):
        town.oracle.check_settled()
