"""What a rail is: the thing that moves real money. One file for each kind of rail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Instruction:
    """One movement of money: `collect` from the account or `pay` to it.

    `amount` is in atomic units, `scale` decimal places below one `currency`. `id` is the same
    however often the instruction is submitted.
    """

    id: str
    run: int
    account_id: str
    account_name: str
    direction: str
    amount: int
    currency: str
    scale: int


class Rail(Protocol):
    """Takes instructions and moves money, once for each instruction id."""

    @property
    def name(self) -> str:
        """The rail's name, in its ledger account and on its instructions."""

    def submit(self, run: int, instructions: Sequence[Instruction]) -> None:
        """Take the instructions of one run, durably before this returns.

        May be called again with the same ones after a crash, and must not move money twice then.
        Raises OSError or another error if it did not take them all.
        """
