"""The escrow as a model: a token, a contract that holds some of it, and what calls do to both.

Written apart from the contract and the gateway's code; a test plays the same calls to this and to
the real contract on a real node, and compares. Amounts are in units; what nobody here plays with
(the offer of the operator's role) is left out.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from simulator.world.chain import word
from simulator.world.chain.word import Signature

MOST = 2**63 - 1
"""The most units that it ever holds."""

Log = tuple[str, tuple[int, ...], tuple[int, ...]]
"""An event by its name, its indexed values and the others, each as a number."""


class Reverted(Exception):
    """A call that changes nothing; the contract's error by name, with its numbers."""

    def __init__(self, name: str, *values: int) -> None:
        super().__init__(" ".join([name, *map(str, values)]))
        self.name = name
        self.values = values


@dataclass
class Account:
    """What an owner has in the contract; `leaving` is the second from which it may exit, or 0."""

    locked: int = 0
    free: int = 0
    settled: int = 0
    sequence: int = 0
    leaving: int = 0


@dataclass(frozen=True)
class Terms:
    """What never changes: `unit` is base units of the token, `period` seconds; addresses in small
    letters."""

    chain: int
    contract: str
    token: str
    unit: int
    period: int


@dataclass
class Contract:
    """Everything that the chain holds of the escrow, at one block. Owners who have nothing are not
    in it. `tokens` are base units."""

    terms: Terms
    operator: str
    signer: str
    tokens: dict[str, int]
    accounts: dict[str, Account] = field(default_factory=dict)
    roots: dict[int, bytes] = field(default_factory=dict)
    retired: dict[str, int] = field(default_factory=dict)
    last: int = 0
    paused: bool = False
    bond: int = 0
    bond_asked: int = 0
    bond_ready: int = 0
    held: int = 0

    def called(
        self, sender: str, at: int, name: str, arguments: Sequence[object]
    ) -> tuple["Contract", list[Log]]:
        """What a transaction at second `at` makes of it, and its events. Raises Reverted."""
        after = copy.copy(self)
        after.tokens = dict(self.tokens)
        after.accounts = {owner: copy.copy(each) for owner, each in self.accounts.items()}
        after.roots, after.retired = dict(self.roots), dict(self.retired)
        found = CALLS[name](after, sender, at, *arguments)
        return after, found or []

    def account(self, owner: str) -> Account:
        """An owner's account, to be changed."""
        return self.accounts.setdefault(owner, Account())

    def of(self, owner: str) -> Account:
        """An owner's account, to be looked at."""
        return self.accounts.get(owner, Account())

    def take(self, sender: str, units: int) -> None:
        """Move tokens in."""
        _must(0 < units <= MOST - self.held, "TooMuch")
        amount = units * self.terms.unit
        _must(self.tokens.get(sender, 0) >= amount, "TokenRefused")
        self.held += units
        self._move(sender, self.terms.contract, amount)

    def give(self, to: str, units: int) -> None:
        """Move tokens out."""
        self.held -= units
        self._move(self.terms.contract, to, units * self.terms.unit)

    def _move(self, by: str, to: str, amount: int) -> None:
        self.tokens[by] = self.tokens.get(by, 0) - amount
        self.tokens[to] = self.tokens.get(to, 0) + amount

    def adds_up(self) -> bool:
        """Whether it holds of the token what it owes to everybody."""
        owed = self.bond + sum(each.locked + each.free for each in self.accounts.values())
        there = self.tokens.get(self.terms.contract, 0)
        return self.held == owed and there == owed * self.terms.unit


def _must(holds: bool, name: str, *values: int) -> None:
    if not holds:
        raise Reverted(name, *values)


def _gone(account: Account, at: int) -> bool:
    return account.leaving != 0 and at >= account.leaving


# Money in


def _deposit(there: Contract, sender: str, _at: int, owner: str, units: int) -> None:
    _must(not there.paused, "IsPaused")
    there.take(sender, units)
    there.account(owner).locked += units


def _add_bond(there: Contract, sender: str, _at: int, units: int) -> None:
    there.take(sender, units)
    there.bond += units


# What the gateway said


def _settle(
    there: Contract,
    _sender: str,
    at: int,
    sequence: int,
    batch: bytes,
    entries: Sequence[int],
    signature: Signature,
) -> list[Log]:
    _must(not there.paused, "IsPaused")
    _must(sequence == there.last + 1, "OutOfOrder", there.last + 1)
    root = word.root([_leaf(each) for each in entries])
    _must(root is not None, "BadEntries")
    said = word.Said(there.terms.chain, there.terms.contract, sequence, batch, len(entries))
    _must(word.signer(said, root or b"", signature) == there.signer, "NotSigned")
    there.last, there.roots[sequence] = sequence, root or b""
    logs: list[Log] = []
    pot = there.bond
    paid = 0
    for each in entries:
        owner, settled = word.entry(each)
        account = there.account(owner)
        change = settled - account.settled
        if account.sequence >= sequence:
            continue
        if change < 0 and (_gone(account, at) or -change > account.locked):
            logs.append(("Short", (sequence, int(owner, 16)), (min(-change, MOST),)))
            continue
        if change < 0:
            account.locked += change
            pot -= change
        else:
            _must(change <= there.held, "BondTooSmall", change - there.held)
            account.free += change
            paid += change
        account.settled, account.sequence = settled, sequence
    _must(paid <= pot, "BondTooSmall", paid - pot)
    there.bond = pot - paid
    logs.append(
        (
            "Settled",
            (sequence, int.from_bytes(batch, "big")),
            (int.from_bytes(root or b"", "big"), len(logs)),
        )
    )
    return logs


def _leaf(entry: int) -> bytes:
    _must(not entry >> 64 & 0xFFFF_FFFF, "BadEntries")
    return entry.to_bytes(32, "big")


def _claim(
    there: Contract,
    _sender: str,
    at: int,
    sequence: int,
    batch: bytes,
    entry: int,
    index: int,
    count: int,
    path: Sequence[bytes],
    signature: Signature,
) -> None:
    _must(index < count, "BadEntries")
    root = word.root_by_path(_leaf(entry), index, count, path)
    _must(root is not None, "BadEntries")
    said = word.Said(there.terms.chain, there.terms.contract, sequence, batch, count)
    by = word.signer(said, root or b"", signature)
    _must(by == there.signer or at < there.retired.get(by, 0), "NotSigned")
    owner, settled = word.entry(entry)
    account = there.account(owner)
    change = settled - account.settled
    _must(sequence >= account.sequence and change > 0, "NothingToClaim")
    _must(there.bond > 0, "BondTooSmall", change)
    units = min(change, there.bond)
    if units == change:
        account.sequence = sequence
    account.settled += units
    account.free += units
    there.bond -= units


# Money out


def _withdraw(there: Contract, sender: str, _at: int, units: int, to: str) -> None:
    account = there.account(sender)
    _must(units <= account.free, "TooMuch")
    account.free -= units
    there.give(to, units)


def _give_notice(there: Contract, sender: str, at: int) -> None:
    account = there.account(sender)
    account.leaving = account.leaving or at + there.terms.period


def _stay(there: Contract, sender: str, _at: int) -> None:
    there.account(sender).leaving = 0


def _exit(there: Contract, sender: str, at: int) -> None:
    account = there.account(sender)
    _must(_gone(account, at), "NotYet")
    account.free += account.locked
    account.locked = account.leaving = 0


# The operator


def _release(there: Contract, sender: str, _at: int, owner: str, units: int) -> None:
    _must(sender == there.operator, "NotOperator")
    account = there.account(owner)
    _must(units <= account.locked, "TooMuch")
    account.locked -= units
    account.free += units


def _ask_bond(there: Contract, sender: str, at: int, units: int) -> None:
    _must(sender == there.operator, "NotOperator")
    there.bond_asked, there.bond_ready = units, at + there.terms.period


def _take_bond(there: Contract, sender: str, at: int, to: str) -> None:
    _must(sender == there.operator, "NotOperator")
    _must(there.bond_asked != 0 and at >= there.bond_ready, "NotYet")
    _must(at < there.bond_ready + there.terms.period, "NotYet")
    units = min(there.bond_asked, there.bond)
    there.bond_asked = 0
    there.bond -= units
    there.give(to, units)


def _rotate(there: Contract, sender: str, at: int, following: str) -> None:
    _must(sender == there.operator, "NotOperator")
    _must(int(following, 16) != 0 and following != there.signer, "BadSetting")
    there.retired[there.signer] = at + there.terms.period
    there.signer = following


def _pause(there: Contract, sender: str, _at: int, on: bool) -> None:
    _must(sender == there.operator, "NotOperator")
    there.paused = on


CALLS: dict[str, Callable[..., list[Log] | None]] = {
    "deposit": _deposit,
    "addBond": _add_bond,
    "settle": _settle,
    "claim": _claim,
    "withdraw": _withdraw,
    "giveNotice": _give_notice,
    "stay": _stay,
    "exit": _exit,
    "release": _release,
    "askBond": _ask_bond,
    "takeBond": _take_bond,
    "rotate": _rotate,
    "pause": _pause,
}
"""What can be called, each with the contract, the sender, the second and the arguments; addresses
in small letters."""
