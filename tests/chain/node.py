"""A real node of a chain of its own: from the environment, here, or from the npm package."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from simulator import anvil
from simulator.anvil import CHAIN, AnvilError
from tests.services import unavailable

BLOCK_GAS = 36_000_000


class Node(anvil.Node):
    """A node, and what tests do with its time."""

    def drain(self) -> None:
        """Wait until every transaction that can be is in a block: it mines beside what it answers.
        Raises AssertionError after half a minute."""
        end = time.monotonic() + 30
        while self.ask("txpool_status")["pending"] != "0x0":
            assert time.monotonic() < end, "transactions are not mined"

    def mine(self, blocks: int = 1) -> None:
        """Add blocks."""
        self.ask("anvil_mine", hex(blocks))

    def pass_time(self, seconds: int) -> None:
        """Let the next block be so much later, and mine it."""
        self.ask("evm_increaseTime", hex(seconds))
        self.mine()


def anvil_or_skip() -> str:
    """Where anvil is; without it the test is skipped, or fails where tests decide what is
    released."""
    try:
        return anvil.find()
    except AnvilError as error:
        unavailable(str(error))


@contextmanager
def node(*, steps: bool = False, chain: int = CHAIN) -> Iterator[Node]:
    """An anvil with a new chain, which mines a block for each transaction.

    TALLYSTICK_TEST_ANVIL_URL names one that runs, which is reset; else one is started. `steps` lets
    it tell every step of a transaction.
    """
    url = os.environ.get("TALLYSTICK_TEST_ANVIL_URL")
    if url and chain == CHAIN and not steps:
        there = Node(url)
        there.ask("anvil_reset")
        yield there
        there.close()
        return
    options = ["--silent", "--hardfork", "prague", "--accounts", "12"]
    options += ["--gas-limit", str(BLOCK_GAS), *(["--steps-tracing"] if steps else [])]
    with anvil.running(anvil_or_skip(), *options, chain=chain) as started:
        there = Node(started.url)
        try:
            yield there
        finally:
            there.close()
