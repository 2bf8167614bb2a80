"""What a rail is: the thing that moves real money. One module for each kind of rail.

Here are the interface and the values that go over it; `registry` finds and makes rails,
`conformance` is what each must pass. What an outcome does to the books is in
`gateway.settlement.instructions`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

COLLECT = "collect"
PAY = "pay"
OUTCOMES = ("done", "failed", "returned")
"""What may come of an instruction. `done`: the money has moved. `failed`: it has not, and will
not. `returned`: it had, and has come back."""

MAX_REFERENCE = 35
"""The longest reference that every bank carries (Max35Text of ISO 20022)."""


class RailError(Exception):
    """What a rail can't do, or was not set up for; the text says what would be right."""


class DestinationError(RailError):
    """Details of an account that a rail can't use: `field` names which, `message` says what would
    be right."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Instruction:
    """One movement of money: `collect` from the account or `pay` to it.

    `id` is the same however often the instruction is submitted. `run` is 0 if it is of no
    settlement run. `amount` is in atomic units, `scale` decimal places below one `currency`.
    `reference` is the id in a form that every bank carries. `destination` is where the account is
    paid, as `Rail.check_destination` made it, at the time when the instruction was written: `at`,
    in Unix seconds, from which a rail derives every date, so that the same instruction always looks
    the same.
    """

    id: str
    run: int
    account_id: str
    account_name: str
    direction: str
    amount: int
    currency: str
    scale: int
    reference: str = ""
    destination: Mapping[str, str] = field(default_factory=dict)
    at: int = 0

    @property
    def batch(self) -> str:
        """What it is submitted together with: the instructions of its run, or itself alone."""
        return f"run-{self.run}" if self.run else self.id


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one instruction, one of OUTCOMES, with a note for people."""

    instruction_id: str
    outcome: str
    note: str


@dataclass(frozen=True, slots=True)
class BatchFile:
    """A file of a batch for people to carry on, and what they are to compare when they do."""

    path: Path
    says: str


def reference_of(instruction_id: str) -> str:
    """An instruction's id as banks carry it: itself, or shortened to 35 characters by a hash."""
    if len(instruction_id) <= MAX_REFERENCE:
        return instruction_id
    digest = hashlib.sha256(instruction_id.encode()).hexdigest()[:8]
    return f"{instruction_id[: MAX_REFERENCE - 9]}-{digest}"


class Rail(Protocol):
    """Takes instructions and moves money, once for each instruction id.

    Everything here may be called again after a crash, by another process.
    """

    @property
    def name(self) -> str:
        """The rail's name, in its ledger account and on its instructions."""

    @property
    def capabilities(self) -> frozenset[str]:
        """Which of `collect` and `pay` it can do."""

    @property
    def record_folder(self) -> Path | None:
        """The folder of the rail's own record, whose files backups hold; None if that is kept
        somewhere else."""

    def quantum(self, currency: str, scale: int) -> int:
        """The least amount that it can move, in atomic units, of which each amount must be a
        multiple; 1 or more. Raises RailError for a currency that it does not have."""

    def most(self, currency: str, scale: int) -> int | None:
        """The greatest amount that it can move at once, in atomic units, a multiple of `quantum`;
        None if it moves any. Raises RailError for a currency that it does not have."""

    def check_destination(self, details: Mapping[str, object]) -> dict[str, str]:
        """Where an account is paid, as it is to be kept; the same again if it is given that.

        What was changed to fit the rail stands in the answer beside what was given. Raises
        DestinationError naming the first field that is wrong.
        """

    def serves(self, direction: str, destination: Mapping[str, str]) -> bool:
        """Whether checked details suffice to `collect` or `pay`. {} is an account without any."""

    def submit(self, batch: str, instructions: Sequence[Instruction]) -> None:
        """Take the instructions of one batch, all or none, durably before this returns.

        May be called again with the same ones after a crash, and must not move money twice then;
        an id that comes back with anything else changed must be refused. Raises RailError or
        OSError if it did not take them all.
        """

    def files(self, batch: str) -> Sequence[BatchFile]:
        """What of a batch people must carry on; nothing for a rail that moves money by itself.
        Raises OSError."""

    def status(self, instructions: Sequence[Instruction]) -> Sequence[Outcome]:
        """What the rail itself can say came of these, once it is certain, and of no others.

        Empty for a rail whose answers come in files. Raises RailError or OSError.
        """

    def handed_over(self) -> Sequence[Instruction]:
        """Every instruction that the rail's own record has, by id: what books that were restored
        are compared with. Raises RailError or OSError."""


@dataclass(frozen=True, slots=True)
class Locked:
    """What accounts have locked with a rail, in atomic units, seen at a height that only grows."""

    height: int
    amounts: Mapping[str, int]


@runtime_checkable
class Escrow(Protocol):
    """A rail with which owners lock money that only they and settlements can move."""

    @property
    def name(self) -> str:
        """As a rail's."""

    @property
    def currency(self) -> str:
        """What is locked with it."""

    def locked(self, accounts: Mapping[str, Mapping[str, str]], scale: int) -> Locked:
        """What each of these accounts, given with its checked details, has locked: what is final,
        still there, and under no notice. What the rail collected before an outcome that `status`
        has reported is not in it. Raises RailError or OSError."""
