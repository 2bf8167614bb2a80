"""A chain: blocks in virtual time, transactions that wait for one, and branches that replace
others.

Blocks that are due are made when anybody looks, so that a night without news costs nothing.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from simulator.world.broken import Broken
from simulator.world.chain.contract import Contract, Log, Reverted
from simulator.world.faults import Faults
from simulator.world.trace import Trace

BLOCK_S = 12
"""Seconds from one block to the next."""
START_S = 1_800_000_000
"""The Unix second, by the chain's clock, at which the world begins."""
GWEI = 10**9


class PoolError(Exception):
    """A transaction that no node takes, by the words of nodes."""


@dataclass(frozen=True)
class Transaction:
    """A call of the contract; fees in wei per gas."""

    hash: str
    sender: str
    nonce: int
    fee: int
    tip: int
    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Block:
    """What a block made of the contract; `counts` are how many transactions of each sender are in
    it and those before it, `done` those in it with why they were refused, if they were."""

    number: int
    hash: str
    at: int
    base_fee: int
    contract: Contract
    counts: dict[str, int]
    done: tuple[tuple[Transaction, str], ...] = ()
    logs: tuple[Log, ...] = ()


class Chain:
    """One chain. `depth` blocks make something final: no branch ever replaces so many."""

    def __init__(
        self, genesis: Contract, depth: int, now_ms: Callable[[], int], trace: Trace, faults: Faults
    ) -> None:
        self.depth = depth
        self.base_fee = GWEI
        self.told: Callable[[Block], None] = lambda _block: None
        """Is told of each block that is final, in order."""
        self.now_ms = now_ms
        self._trace = trace
        self._faults = faults
        self._branch = 0
        self._dear_until = self._kept_out_until = 0
        self._kept_out = ""
        self._pool: list[Transaction] = []
        self._stuck: set[str] = set()
        self._final = 0
        self.blocks = [Block(0, self._hash("", 0), START_S, GWEI, genesis, {})]

    # Time

    @property
    def head(self) -> Block:
        """The newest block."""
        return self.blocks[-1]

    @property
    def final(self) -> int:
        """The height of the newest block that is final."""
        return max(0, self.head.number - self.depth + 1)

    def catch_up(self) -> None:
        """Make the blocks that are due."""
        now = START_S + self.now_ms() // 1000
        while self.head.at + BLOCK_S <= now:
            self.mine(self.head.at + BLOCK_S)

    def mine(self, at: int = 0, *, empty: bool = False) -> None:
        """Make a block, at a second or after a usual while. Raises Broken if the contract's books
        do not add up."""
        before = self.head
        if before.number + 1 >= self._dear_until:
            self.base_fee = GWEI
        block = Block(
            before.number + 1,
            self._hash(before.hash, before.number + 1),
            at or before.at + BLOCK_S,
            self.base_fee,
            before.contract,
            before.counts,
        )
        if self._pool and not empty:
            block = self._filled(block)
        self.blocks.append(block)
        while self._final < self.final:
            self._final += 1
            self.told(self.blocks[self._final])

    def _filled(self, block: Block) -> Block:
        contract, counts = block.contract, dict(block.counts)
        done: list[tuple[Transaction, str]] = []
        logs: list[Log] = []
        while ready := [each for each in self._pool if self._fits(each, block, counts)]:
            each = max(ready, key=lambda one: one.tip)
            self._pool.remove(each)
            counts[each.sender] = each.nonce + 1
            why = ""
            try:
                contract, more = contract.called(each.sender, block.at, each.name, each.arguments)
                logs += more
            except Reverted as error:
                why = str(error)
                self._faults.took_effect("chain_reverted")
            done.append((each, why))
            self._note(f"{each.name} {each.hash} {why}")
            if not contract.adds_up():
                raise Broken(1, f"{each.name}: the escrow does not hold what it owes")
        for each in self._pool:
            if each.nonce == counts.get(each.sender, 0) and each.hash not in self._stuck:
                self._stuck.add(each.hash)
                self._faults.took_effect("chain_stuck")
        return replace(block, contract=contract, counts=counts, done=tuple(done), logs=tuple(logs))

    def _fits(self, each: Transaction, block: Block, counts: dict[str, int]) -> bool:
        if each.sender == self._kept_out and block.number < self._kept_out_until:
            return False
        return each.fee >= block.base_fee and each.nonce == counts.get(each.sender, 0)

    def _hash(self, before: str, number: int) -> str:
        return "0x" + hashlib.sha256(f"{before} {number} {self._branch}".encode()).hexdigest()

    def _note(self, what: str) -> None:
        self._trace.note(self.now_ms(), f"chain {what}")

    # Transactions

    def send(self, sent: Transaction) -> None:
        """Take a transaction that waits for a block. Raises PoolError."""
        if any(each.hash == sent.hash for each in self._pool):
            raise PoolError("already known")
        if sent.nonce < self.head.counts.get(sent.sender, 0):
            raise PoolError("nonce too low")
        for each in self._pool:
            if (each.sender, each.nonce) == (sent.sender, sent.nonce):
                if 10 * sent.fee < 11 * each.fee or 10 * sent.tip < 11 * each.tip:
                    raise PoolError("replacement transaction underpriced")
                self._pool.remove(each)
                self._faults.took_effect("chain_replaced")
                break
        self._pool.append(sent)
        self._note(f"takes {sent.name} {sent.hash}")

    def next_nonce(self, sender: str) -> int:
        """The nonce that a sender's next transaction is to have: the first that none waits with."""
        taken = {each.nonce for each in self._pool if each.sender == sender}
        nonce = self.head.counts.get(sender, 0)
        while nonce in taken:
            nonce += 1
        return nonce

    def forget(self, name: str) -> None:
        """Drop a transaction that waits, by its hash."""
        self._pool = [each for each in self._pool if each.hash != name]

    # Trouble

    def replace_blocks(self, count: int, back: str) -> None:
        """Let another branch replace so many blocks, or as many as none of is final. Their
        transactions get into blocks again as `back` says, one of BACK."""
        self.catch_up()
        count = min(count, self.depth - 1, self.head.number)
        if count < 1:
            return
        taken, self.blocks = self.blocks[-count:], self.blocks[:-count]
        self._branch += 1
        self._faults.took_effect("chain_reorganised")
        lost = [each for block in taken for each, _why in block.done]
        if lost:
            self._faults.took_effect("chain_took_back" if back != "never" else "chain_lost")
        if back != "never":
            self._pool = lost + self._pool
        self._note(f"another branch from {self.head.number}")
        for block in taken:
            self.mine(block.at, empty=back != "at_once")
        self.mine(self.head.at + 1, empty=back != "at_once")

    def make_dear(self, base_fee: int, blocks: int) -> None:
        """Let gas cost so much for so many blocks."""
        self.catch_up()
        self.base_fee, self._dear_until = base_fee, self.head.number + blocks + 1

    def keep_out(self, sender: str, blocks: int) -> None:
        """Let no block take a sender's transactions, for so many blocks."""
        self.catch_up()
        self._kept_out, self._kept_out_until = sender, self.head.number + blocks + 1

    def mend(self) -> None:
        """End all trouble."""
        self.make_dear(GWEI, 0)
        self.keep_out("", 0)
