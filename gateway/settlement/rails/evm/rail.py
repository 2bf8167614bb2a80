"""The rail itself: collects from and pays to what owners hold in an escrow on a chain.

`submit` keeps a batch on the disk and asks nobody; `status` brings what was kept to the chain, step
by step, and reports what is final. docs/chain.md says what the contract is.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2
import structlog

from gateway.settlement.rails import (
    COLLECT,
    PAY,
    BatchFile,
    DestinationError,
    Instruction,
    Locked,
    Outcome,
    RailError,
)
from gateway.settlement.rails.evm import settings as settings_
from gateway.settlement.rails.evm import word
from gateway.settlement.rails.evm.escrow import Escrow
from gateway.settlement.rails.evm.posting import Posting
from gateway.settlement.rails.evm.record import Batch, Record
from gateway.settlement.rails.evm.rpc import Nodes
from gateway.settlement.rails.evm.settings import NAME, Settings, check_address
from gateway.settlement.rails.manual import instructions_csv, read_folder, write_once

log = structlog.get_logger(__name__)


class EvmRail:
    """Settles by one contract on one chain."""

    name = NAME
    capabilities = frozenset({COLLECT, PAY})

    def __init__(self, settings: Settings, transport: httpx2.BaseTransport | None = None) -> None:
        """`transport` carries what is asked of nodes, if it is not HTTP."""
        self.settings = settings
        self.record = Record(settings.folder)
        self.nodes = Nodes(settings.rpc, transport=transport)
        self.escrow = Escrow(settings, self.nodes)
        self._posting = Posting(settings, self.record, self.escrow, self.nodes)

    @property
    def record_folder(self) -> Path:
        """Where its record is."""
        return self.record.folder

    def quantum(self, currency: str, scale: int) -> int:
        """One unit of the contract. Raises RailError for another currency, or one that is counted
        less finely."""
        if currency != self.settings.currency:
            raise RailError(f"evm: moves {self.settings.currency} only, not {currency}")
        if scale < self.settings.decimals:
            raise RailError(
                f"evm: the contract counts {self.settings.decimals} decimals of {currency}, and "
                f"the books only {scale}"
            )
        return int(10 ** (scale - self.settings.decimals))

    def most(self, currency: str, scale: int) -> None:
        """Any amount that books have. Raises RailError as `quantum` does."""
        self.quantum(currency, scale)

    def check_destination(self, details: Mapping[str, object]) -> dict[str, str]:
        """The address that the account's deposits are under, and that it is paid to in the
        contract. Raises DestinationError."""
        for field in details:
            if field != "address":
                raise DestinationError(field, "there is no such detail; there is address")
        address = check_address("address", details.get("address"))
        if address == self.settings.contract:
            raise DestinationError("address", "is the contract's own; give the owner's")
        return {"address": address}

    def serves(self, direction: str, destination: Mapping[str, str]) -> bool:
        """Whoever has an address."""
        return direction in self.capabilities and "address" in destination

    def submit(self, batch: str, instructions: Sequence[Instruction]) -> None:
        """Keep a batch. What is of one owner in it is moved as one sum.

        Raises RailError for an instruction that can't be carried out, or if the batch is here with
        anything else in it; OSError.
        """
        changes: dict[str, int] = {}
        for each in instructions:
            owner, change = self._change(each)
            changes[owner] = changes.get(owner, 0) + change
        for owner, change in changes.items():
            if abs(change) > word.MOST_UNITS:
                raise RailError(f"evm: {batch}: more than the contract counts, for {owner}")
        self.record.make_folder()
        write_once(self._list(batch), instructions_csv(instructions).encode())
        at = max(each.at for each in instructions)
        self.record.keep_batch(Batch(batch, at, changes))

    def _list(self, batch: str) -> Path:
        return self.settings.folder / f"{batch}.csv"

    def _change(self, each: Instruction) -> tuple[str, int]:
        """An instruction's owner, and what is paid to it, in units; below zero is collected."""
        quantum = self.quantum(each.currency, each.scale)
        if each.amount < 1 or each.amount % quantum:
            raise RailError(f"evm: {each.id}: must be a whole number of units of {quantum}")
        try:
            owner = self.check_destination(each.destination)["address"]
        except DestinationError as error:
            raise RailError(f"evm: {each.id}: {error}") from error
        units = each.amount // quantum
        return owner, units if each.direction == PAY else -units

    def files(self, _batch: str) -> Sequence[BatchFile]:
        """None: nobody has to carry anything on."""
        return ()

    def status(self, instructions: Sequence[Instruction]) -> Sequence[Outcome]:
        """Which of these are final, as far as was known before; then what waits is brought on.

        Raises RailError or OSError if that can't be, and there is nothing to report.
        """
        # In this order: what backs an owner's channels was read after what is reported came about.
        found = self._final(instructions)
        try:
            self._posting.advance()
        except (RailError, OSError) as error:
            if not found:
                raise
            log.warning("the chain waits", error=str(error))
        return found

    def _final(self, instructions: Sequence[Instruction]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        said = self.record.said()
        for batch in sorted({each.batch for each in instructions}):
            of: dict[str, tuple[int, bool]] = {}
            for sequence in (number for number, name in said.items() if name == batch):
                short = self.record.outcome(sequence)
                if short is not None:
                    settlement, _signature = self.record.word(sequence, batch)
                    for entry in settlement.entries:
                        of[entry.owner] = sequence, entry.owner.lower() in short
            outcomes += [
                _outcome(each, *of[owner])
                for each in instructions
                if each.batch == batch and (owner := each.destination.get("address", "")) in of
            ]
        return outcomes

    def handed_over(self) -> Sequence[Instruction]:
        """Every instruction in its folder's lists. Raises RailError, OSError."""
        return read_folder(self.settings.folder)

    @property
    def currency(self) -> str:
        """What the token is counted as."""
        return self.settings.currency

    def locked(self, accounts: Mapping[str, Mapping[str, str]], scale: int) -> Locked:
        """What each account has locked in the contract, and has given no notice for, or taken it
        back: what is both final and still so. An address that two accounts name backs neither.
        Raises RailError."""
        quantum = self.quantum(self.currency, scale)
        owners = {account: details["address"] for account, details in accounts.items()}
        named = Counter(owners.values())
        with self.nodes.connected():
            self.escrow.check(self.settings.signer())
            heights = self.escrow.heights()
            if heights.confirmed < (concluded := self.record.concluded_at()):
                # Or what was collected would back channels once more.
                raise RailError(
                    f"evm: the nodes are behind: block {concluded} was final, now it is "
                    f"{heights.confirmed}"
                )
            final = self.escrow.held(list(named), heights.confirmed)
            newest = self.escrow.held(list(named), heights.head)
        units = {
            owner: 0
            if count > 1 or final[owner].leaving or newest[owner].leaving
            else min(final[owner].locked, newest[owner].locked)
            for owner, count in named.items()
        }
        amounts = {account: units[owner] * quantum for account, owner in owners.items()}
        return Locked(heights.confirmed, amounts)


def _outcome(each: Instruction, sequence: int, short: bool) -> Outcome:
    if short:
        return Outcome(each.id, "failed", f"settlement {sequence}: too little was locked")
    return Outcome(each.id, "done", f"settlement {sequence}")


def make(data: Path, settings: Mapping[str, object]) -> EvmRail:
    """The rail of these settings. Raises RailError naming the one that is wrong."""
    return EvmRail(settings_.read(data, settings))
