"""The operator's bank: it reads the SEPA rail's files, pays or refuses, keeps a book of its own,
and tells of it in files, late, twice or under two names.

It pays an end-to-end id once, and trusts nothing else of the gateway.
"""

from collections.abc import Sequence
from pathlib import Path

from simulator.world import bank_files
from simulator.world.bank_files import BankError, Entry, Line, Order
from simulator.world.faults import Faults
from simulator.world.movement import Movement
from simulator.world.watch import Watch

NAME = "sepa"
BOOKS = ("each", "together", "batch")
"""How it may book the payments of a part."""
ATOMIC = 10_000
"""Atomic units in a cent."""


def iban_of(number: int) -> str:
    """The IBAN of an Austrian account of this number: its check digits are by ISO 7064."""
    bban = f"19043{number:011}"
    return f"AT{98 - int(f'{bban}102900') % 97:02}{bban}"


class Bank:
    """One bank, at which the operator and all `holders` have accounts. `outbox` are the files that
    it has for the operator, the oldest first."""

    def __init__(self, folder: Path, holders: Sequence[str], watch: Watch, faults: Faults) -> None:
        self.iban = iban_of(0)
        self._folder = folder
        self._holders = {iban_of(number): name for number, name in enumerate(holders, 1)}
        self._watch = watch
        self._faults = faults
        self._orders: dict[str, Order] = {}
        self._came_back: set[str] = set()
        self._entries: list[Entry] = []
        self._lines = 0
        self._stated = 0
        self._notified: set[int] = set()
        self._files = 0
        self._last = b""
        self.outbox: list[bytes] = []

    def details(self, account: str, *, mandate: bool) -> dict[str, str]:
        """Where an account is paid here; with a mandate it can be collected from."""
        (iban,) = [iban for iban, name in self._holders.items() if name == account]
        found = {"name": account.title(), "iban": iban}
        if mandate:
            found |= {"mandate": f"M-{account}", "mandate_date": "2026-05-01"}
        return found

    # What it does with orders

    def read(self, refuse: str, book: str) -> None:
        """Read the files that are there. It refuses `none`, the whole `message`, its `part`s, or
        `some` payments; and books payments each by itself (`each`), all of a part in one entry that
        names them (`together`), or in one that does not (`batch`). Raises BankError."""
        for path in sorted(self._folder.glob("*.xml"), key=lambda each: (len(each.name), each)):
            parts: dict[str, list[Order]] = {}
            for order in bank_files.read_orders(path.read_bytes(), self.iban):
                known = self._orders.setdefault(order.end_to_end, order)
                if known != order:
                    raise BankError(f"{order.end_to_end}: was {known}, is {order}")
                if known is order:
                    parts.setdefault(order.part, []).append(order)
            for number, (part, orders) in enumerate(parts.items()):
                bad = {"none": [], "some": orders[::2]}.get(refuse, orders)
                if refuse == "message":
                    if number == 0:
                        self._say(orders[0].message, "", [("", "RJCT")])
                elif refuse == "part":
                    self._say(orders[0].message, part, [("", "RJCT")])
                else:
                    said = [(each.end_to_end, "RJCT") for each in bad]
                    self._say(orders[0].message, part, [("", "PART" if bad else "ACCP"), *said])
                self._decide(part, orders, bad, book)

    def _decide(self, part: str, orders: list[Order], bad: list[Order], book: str) -> None:
        if bad:
            self._faults.took_effect("bank_refused" if bad == orders else "bank_refused_some")
        good = [self._executed(order) for order in orders if order not in bad]
        if book == "each":
            for line in good:
                self._book([line])
        elif good:
            self._book(good, part if book == "batch" else "")
            self._faults.took_effect("bank_booked_together")

    def _executed(self, order: Order) -> Line:
        account = self._holders.get(order.iban)
        if account is None:
            raise BankError(f"{order.end_to_end}: nobody has {order.iban}")
        if order.amount > 0 and order.mandate != f"M-{account}":
            raise BankError(f"{order.end_to_end}: {account} gave no mandate {order.mandate}")
        moved = Movement(NAME, account, "EUR", order.amount * ATOMIC)
        self._watch.rail_moved(moved, order.end_to_end, instructed=True)
        return self._line(order.amount, account, order.end_to_end, order.end_to_end)

    def bring_back(self, back: int, *, unsaid: bool) -> None:
        """A payment that it made comes back, the last but `back`; if `unsaid`, its book does not
        call it a return."""
        moved = [
            line
            for entry in self._entries
            for line in entry.lines
            if not line.foreign and line.end_to_end not in self._came_back
        ]
        if not moved:
            return
        line = moved[-1 - back % len(moved)]
        self._came_back.add(line.end_to_end)
        self._watch.rail_returned(line.end_to_end)
        text = f"back {line.end_to_end}"
        self._book(
            [self._line(-line.amount, line.account, line.end_to_end, text, returned=not unsaid)]
        )
        self._faults.took_effect("bank_returned_unsaid" if unsaid else "bank_returned")

    def receive(self, holder: str, amount: int, how: str) -> str:
        """Somebody pays in, so many cents: `named`, with the account in the text; `unnamed`;
        `foreign`, under an end-to-end id of another payment; or `charge`: the bank takes its fee.
        `early` has an end-to-end id of its own. What that id is."""
        end_to_end, text = "", "thanks"
        if how == "named":
            text = f"for TALLY-{holder}"
        elif how == "early":
            end_to_end, text = f"own-{self._lines + 1}", f"TALLY-{holder}"
        elif how == "foreign" and self._orders:
            end_to_end, text = list(self._orders)[-1], "a reference that I found"
        elif how == "charge":
            holder, amount, text = "operator", -amount, "charges"
        line = self._line(amount, holder, end_to_end, text, foreign=True)
        moved = Movement(NAME, holder, "EUR", amount * ATOMIC)
        self._watch.rail_moved(moved, line.text, instructed=False)
        self._faults.took_effect("bank_unknown")
        self._book([line])
        return end_to_end

    def _say(self, message: str, part: str, said: list[tuple[str, str]]) -> None:
        self._files += 1
        self.outbox.append(bank_files.verdict(self._files, message, part, said))

    def _line(
        self,
        amount: int,
        account: str,
        end_to_end: str,
        text: str,
        *,
        returned: bool = False,
        foreign: bool = False,
    ) -> Line:
        self._lines += 1
        # With a number, by which the bank finds it again when it is asked.
        return Line(amount, account, end_to_end, f"{text} /{self._lines}", returned, foreign)

    def _book(self, lines: Sequence[Line], batch: str = "") -> None:
        entry = Entry(len(self._entries) + 1, tuple(lines), batch)
        self._entries.append(entry)
        for amount, end_to_end, text in bank_files.told(entry):
            self._watch.rail_booked(NAME, amount * ATOMIC, end_to_end, text)

    # What it tells

    def tell(self, what: str) -> None:
        """Make a file of what was booked: a `statement` of all since the last one, or `again` the
        last one as it was; a notification of all that none has told (`notice`), of the `newest`
        entry alone, or without the bank's references (`nameless`)."""
        if what == "again":
            if self._last:
                self.outbox.append(self._last)
            return
        self._files += 1
        if what == "statement":
            fresh = self._entries[self._stated :]
            opening = sum(entry.amount for entry in self._entries[: self._stated])
            self._stated = len(self._entries)
            self._post(bank_files.statement(self._files, self.iban, opening, fresh))
            return
        fresh = [entry for entry in self._entries if entry.number not in self._notified]
        if what == "newest":
            if len(fresh) > 1:
                self._faults.took_effect("bank_told_out_of_order")
            fresh = fresh[-1:]
        if what == "nameless":
            # Who pays in under no name at all is not known again under another.
            fresh = [each for each in fresh if not any(line.foreign for line in each.lines)]
            fresh = [each for each in fresh if each.number > self._stated and not each.batch]
            for _ in fresh:
                self._faults.took_effect("bank_told_otherwise")
        self._notified.update(entry.number for entry in fresh)
        named = what != "nameless"
        self._post(bank_files.notification(self._files, self.iban, fresh, named=named))

    def _post(self, content: bytes) -> None:
        self._last = content
        self.outbox.append(content)

    def all_stated(self) -> bool:
        """Whether statements have told of all that was booked."""
        return self._stated == len(self._entries)

    def contradicted(self, end_to_end: str) -> bytes:
        """A file by which it refuses what it was given, whatever it did with it."""
        order = self._orders[end_to_end]
        self._files += 1
        return bank_files.verdict(
            self._files, order.message, order.part, [(order.end_to_end, "RJCT")]
        )

    def line_of(self, amount: int, end_to_end: str, text: str) -> Line:
        """What a line of its book was, of atomic units, for whoever asks. Raises BankError."""
        for entry in self._entries:
            for line in entry.lines:
                if (line.amount * ATOMIC, line.end_to_end, line.text) == (amount, end_to_end, text):
                    return line
        raise BankError(f"{text}: nothing was booked with this text")

    def executed(self) -> list[str]:
        """The end-to-end ids of what it has paid."""
        lines = [line for entry in self._entries for line in entry.lines if not line.foreign]
        return list(dict.fromkeys(line.end_to_end for line in lines))
