"""The rail itself: a batch becomes files for the bank, and a list of it for people.

For the batch `run-7`: `run-7.csv`, the list, in the form of the manual rail and written first;
`run-7-pay.xml`, the credit transfers; `run-7-collect.xml`, the direct debits. What the bank answers
is read by `gateway.settlement.bank`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.settlement.rails import (
    COLLECT,
    PAY,
    BatchFile,
    DestinationError,
    Instruction,
    Outcome,
    RailError,
)
from gateway.settlement.rails.manual import instructions_csv, read_folder, write_once
from gateway.settlement.rails.sepa import pain, parties
from gateway.settlement.rails.sepa.names import message_name
from gateway.settlement.rails.sepa.pain import Operator

CURRENCY = "EUR"
SETTINGS = ("name", "iban", "bic", "creditor_id", "collect_after", "folder")
COLLECT_AFTER = 5
"""Open days between a run and its direct debits, if nothing else is set."""


class SepaRail:
    """Writes files of credit transfers and direct debits to one folder."""

    name = "sepa"

    def __init__(self, folder: Path, operator: Operator) -> None:
        self._folder = folder
        self.operator = operator

    @property
    def iban(self) -> str:
        """The account that its files are of, and its bank's files must be of."""
        return self.operator.iban

    @property
    def capabilities(self) -> frozenset[str]:
        """Direct debits need a creditor identifier."""
        return frozenset({COLLECT, PAY} if self.operator.creditor_id else {PAY})

    @property
    def record_folder(self) -> Path:
        """Where its files are."""
        return self._folder

    def quantum(self, currency: str, scale: int) -> int:
        """One cent. Raises RailError for any currency but the euro."""
        if currency != CURRENCY:
            raise RailError(f"sepa: moves {CURRENCY} only, not {currency}")
        quantum: int = 10 ** max(0, scale - pain.CENTS)
        return quantum

    def most(self, currency: str, scale: int) -> int:
        """999,999,999.99 euro. Raises RailError for any currency but the euro."""
        self.quantum(currency, scale)
        most: int = pain.MOST * 10**scale // 10**pain.CENTS
        return most

    def check_destination(self, details: Mapping[str, object]) -> dict[str, str]:
        """A bank account; see `parties.check_destination`."""
        return parties.check_destination(details)

    def serves(self, direction: str, destination: Mapping[str, str]) -> bool:
        """It pays whoever has an IBAN, and collects by mandate."""
        needed = "mandate" if direction == COLLECT else "iban"
        return direction in self.capabilities and needed in destination

    def submit(self, batch: str, instructions: Sequence[Instruction]) -> None:
        """Write the batch's files; the same instructions give the same ones, byte for byte.

        Raises RailError for an instruction that can't be carried out, or if a file is there with
        anything else in it; OSError.
        """
        for each in instructions:
            self._check(each)
        files = self._files(batch, instructions)
        for path, content in files.items():
            if path.exists() and path.read_bytes() != content:
                write_once(path, content)  # which says what is wrong, before any is written
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, content in files.items():
            write_once(path, content)

    def _check(self, each: Instruction) -> None:
        self.quantum(each.currency, each.scale)
        pain.cents(each)
        try:
            checked = self.check_destination(each.destination)
        except DestinationError as error:
            raise RailError(f"sepa: {each.id}: {error}") from error
        if not self.serves(each.direction, checked):
            raise RailError(
                f"sepa: {each.id}: can't {each.direction}: it needs a mandate, and the setting "
                "creditor_id"
            )

    def _files(self, batch: str, instructions: Sequence[Instruction]) -> dict[Path, bytes]:
        files = {self._folder / f"{batch}.csv": instructions_csv(instructions).encode()}
        for direction, make in ((PAY, pain.transfers), (COLLECT, pain.debits)):
            members = [each for each in instructions if each.direction == direction]
            if members:
                name = message_name(batch, direction)
                files[self._folder / f"{name}.xml"] = make(self.operator, name, members)
        return files

    def files(self, batch: str) -> Sequence[BatchFile]:
        """The files for the bank, with what a bank shows of them when it takes them."""
        found = []
        for direction, what in ((PAY, "credit transfer"), (COLLECT, "direct debit")):
            path = self._folder / f"{message_name(batch, direction)}.xml"
            if path.exists():
                count, total = pain.totals(path.read_bytes())
                found.append(BatchFile(path, f"{count} x {what}, {total} {CURRENCY}"))
        return found

    def status(self, _instructions: Sequence[Instruction]) -> Sequence[Outcome]:
        """Nothing: the bank answers in files."""
        return ()

    def handed_over(self) -> Sequence[Instruction]:
        """Every instruction in its folder's lists. Raises RailError, OSError."""
        return read_folder(self._folder)


def make(data: Path, settings: Mapping[str, object]) -> SepaRail:
    """The SEPA rail of these settings. Raises RailError naming the one that is wrong."""
    try:
        return SepaRail(Path(_text(settings, "folder", str(data / "sepa"))), _operator(settings))
    except DestinationError as error:
        raise RailError(f"rails.sepa.{error}") from error


def _operator(settings: Mapping[str, object]) -> Operator:
    for name in settings:
        if name not in SETTINGS:
            known = ", ".join(SETTINGS)
            raise DestinationError(name, f"there is no such setting; there are {known}")
    name = _text(settings, "name")
    at_bank = parties.check_name("name", name)
    if at_bank != name:
        raise DestinationError("name", f"must be as banks carry it: {at_bank}")
    bic, creditor_id = _text(settings, "bic", ""), _text(settings, "creditor_id", "")
    after = settings.get("collect_after", COLLECT_AFTER)
    if type(after) is not int or not 1 <= after <= 60:
        raise DestinationError("collect_after", "must be 1 to 60 days")
    return Operator(
        name,
        parties.check_iban("iban", _text(settings, "iban")),
        parties.check_bic("bic", bic) if bic else "",
        parties.check_creditor_id("creditor_id", creditor_id) if creditor_id else "",
        after,
    )


def _text(settings: Mapping[str, object], name: str, default: str | None = None) -> str:
    value = settings.get(name, default)
    if value is None:
        raise DestinationError(name, "is needed")
    if not isinstance(value, str):
        raise DestinationError(name, "must be text")
    return value
