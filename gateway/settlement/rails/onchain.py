"""What a rail on a chain shows of it to people: values alone, which decide nothing about money."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Protocol, get_args, runtime_checkable

TransactionState = Literal["sent", "mined", "final", "reverted", "replaced", "dropped"]
"""What a transaction may be. `sent`: nodes have it, and no block does. `mined`: a block has it, not
deep enough to count. `final`: one that is. `reverted`: a block has it, and the contract refused it.
`replaced`: another of its nonce took its place, or is to. `dropped`: nobody has it any more."""
TRANSACTION_STATES: tuple[TransactionState, ...] = get_args(TransactionState)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rail was set up with: `decimals` of the currency are one unit of the contract, and
    something is final that is `confirmations` blocks deep."""

    chain_id: int
    contract: str
    currency: str
    decimals: int
    confirmations: int


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """A node by its host, the newest block that it has, and what is wrong with it."""

    host: str
    head: int | None
    trouble: str


@dataclass(frozen=True, slots=True)
class Deposit:
    """One deposit in the contract: `position` of its log in block `block` of Unix second `at`."""

    block: int
    position: int
    at: int
    transaction: str
    owner: str
    units: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction that the rail sent: the one at `place`, from 0, for a settlement of a batch.

    `block`, `gas` and `fee` (in wei) are those of one that a block has; `decided` says that its
    state can change no more."""

    settlement: int
    place: int
    batch: str
    hash: str
    nonce: int
    state: TransactionState
    block: int | None
    gas: int | None
    fee: int | None
    decided: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """What all nodes agreed on, as of block `head` of Unix second `head_at`; up to `confirmed` it
    is final. `balance` (in wei) is what the signer has for gas; `bond` and `held` are in units.
    `deposits` are all of blocks `first` to `last`, `transactions` those whose state was asked."""

    head: int
    head_at: int
    confirmed: int
    token: str
    signer: str
    balance: int
    settlements: int
    recorded: int
    bond: int
    held: int
    paused: bool
    first: int
    last: int
    deposits: tuple[Deposit, ...]
    transactions: tuple[Transaction, ...]

    @property
    def waits(self) -> bool:
        """Whether a deposit is not final yet, a transaction not decided, a block not searched."""
        return (
            self.last < self.head
            or any(each.block > self.confirmed for each in self.deposits)
            or not all(each.decided for each in self.transactions)
        )


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the chain found: each node, and what they say together; None where they can't
    be believed now, for the reason that `trouble` says."""

    nodes: tuple[NodeSeen, ...]
    trouble: str
    sight: Sight | None


@runtime_checkable
class OnChain(Protocol):
    """A rail that can be looked at."""

    @property
    def facts(self) -> Facts:
        """What it was set up with."""

    def look(self, scanned: int | None, decided: Collection[int]) -> Look:
        """Look at the chain now. Deposits up to block `scanned` are known, and so is what became of
        the settlements in `decided`. Raises no error of a node's."""
