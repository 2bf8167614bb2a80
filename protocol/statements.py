"""The gateway's signed account of one settlement run for one account, and its lines."""

import hashlib

from protocol import cbor, merkle
from protocol.errors import WireError
from protocol.fields import currency, data, integer, read_map, scale, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PAYER = 0
PAYEE = 1

_REQUIRED = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
_TOTALS = (12, 13, 14, 15, 16, 17, 18, 19, 20)


class StatementLine:
    """One channel's interval (from, to] of amounts and units, as the account's payer or payee.

    `first` and `last` are the hashes (`mark_hash`) of what proves the marks at its two ends, empty
    where that is not told; a channel's first interval has no `first`. `fee` is what the payee pays
    for it, in atomic units, 0 on the payer's side.
    """

    def __init__(
        self,
        channel: bytes,
        role: int,
        from_amount: int,
        to_amount: int,
        from_units: int,
        to_units: int,
        tariff: bytes,
        first: bytes = b"",
        last: bytes = b"",
        fee: int = 0,
    ) -> None:
        self.channel = channel
        self.role = role
        self.from_amount = from_amount
        self.to_amount = to_amount
        self.from_units = from_units
        self.to_units = to_units
        self.tariff = tariff
        self.first = first
        self.last = last
        self.fee = fee

    def encoded(self) -> bytes:
        """The line as a leaf of the statement's Merkle tree."""
        # Twice for each channel of a run: the map's few forms are put together without building it.
        count = 7 + bool(self.first) + bool(self.last) + bool(self.fee)
        parts = [bytes((0xA0 | count,)), b"\x01\x58\x20", self.channel, b"\x02"]
        parts += [cbor.head(0, self.role), b"\x03", cbor.head(0, self.from_amount)]
        parts += [b"\x04", cbor.head(0, self.to_amount), b"\x05", cbor.head(0, self.from_units)]
        parts += [b"\x06", cbor.head(0, self.to_units), b"\x07\x58\x20", self.tariff]
        if self.first:
            parts += [b"\x08\x58\x20", self.first]
        if self.last:
            parts += [b"\x09\x58\x20", self.last]
        if self.fee:
            parts += [b"\x0a", cbor.head(0, self.fee)]
        return b"".join(parts)


def mark_hash(message: bytes, tick: bytes = b"") -> bytes:
    """The hash that a line names a mark's proof by: the IOU's message, followed by the payload of
    the tick that raised it, if one did."""
    return hashlib.sha256(message + tick).digest()


def read_line(encoded: bytes) -> StatementLine:
    """Raises WireError; an interval must not go backwards."""
    fields = read_map(cbor.decode(encoded), (1, 2, 3, 4, 5, 6, 7), (8, 9, 10), "line")
    line = StatementLine(
        data(fields[1], 32, "line.channel_id"),
        integer(fields[2], "line.role"),
        integer(fields[3], "line.from_amount"),
        integer(fields[4], "line.to_amount"),
        integer(fields[5], "line.from_units"),
        integer(fields[6], "line.to_units"),
        data(fields[7], 32, "line.tariff_id"),
        data(fields[8], 32, "line.first") if 8 in fields else b"",
        data(fields[9], 32, "line.last") if 9 in fields else b"",
        integer(fields[10], "line.fee") if 10 in fields else 0,
    )
    if line.role not in (PAYER, PAYEE):
        raise WireError("line.role", "must be 0 (payer) or 1 (payee)")
    if line.to_amount < line.from_amount or line.to_units < line.from_units:
        raise WireError("line", "the interval goes backwards")
    if line.first and line.from_amount == 0:
        raise WireError("line.first", "there is no mark where the channel begins")
    if 10 in fields:
        if line.fee == 0 or line.role == PAYER:
            raise WireError("line.fee", "must be above 0, and the payee's")
        if line.fee > line.to_amount - line.from_amount:
            raise WireError("line.fee", "more than the interval's amount")
    return line


class Totals:
    """What became of the account in the run, in atomic units. Each number is positive where the
    account owes, negative where it is owed; `fees` it is charged and `fees_earned` are never
    negative, nor is `funds`, what was taken from its prepaid funds.

    The net, debits - credits + fees - fees_earned + carried, is moved by a rail (`moved`), taken
    from the funds, or left for the next run (`left`).
    """

    def __init__(
        self, fees: int, fees_earned: int, carried: int, funds: int, moved: int, left: int
    ) -> None:
        self.fees = fees
        self.fees_earned = fees_earned
        self.carried = carried
        self.funds = funds
        self.moved = moved
        self.left = left

    def values(self) -> list[int]:
        """The numbers as they stand in a statement, from key 12 on: all of them unsigned."""
        values = [self.fees, self.fees_earned, _owes(self.carried), _owes(-self.carried)]
        values += [self.funds, _owes(self.moved), _owes(-self.moved)]
        return values + [_owes(self.left), _owes(-self.left)]  # noqa: RUF005


def _owes(amount: int) -> int:
    return amount if amount > 0 else 0


class Statement:
    """What the account owed (debits) and earned (credits) in one run, in atomic units, and the
    Merkle root of the lines that add up to it; and what became of it (`totals`), which older
    statements lack. COSE_Sign1 of the gateway."""

    def __init__(
        self,
        run: int,
        account: str,
        currency: str,
        scale: int,
        period_start: int,
        period_end: int,
        debits: int,
        credits: int,
        line_count: int,
        lines_root: bytes,
        journal_head: bytes,
        totals: Totals | None = None,
    ) -> None:
        self.run = run
        self.account = account
        self.currency = currency
        self.scale = scale
        self.period_start = period_start
        self.period_end = period_end
        self.debits = debits
        self.credits = credits
        self.line_count = line_count
        self.lines_root = lines_root
        self.journal_head = journal_head
        self.totals = totals

    def payload(self) -> bytes:
        fields: dict[int, object] = {
            1: self.run,
            2: self.account,
            3: self.currency,
            4: self.scale,
            5: self.period_start,
            6: self.period_end,
            7: self.debits,
            8: self.credits,
            9: self.line_count,
            10: self.lines_root,
            11: self.journal_head,
        }
        if self.totals is not None:
            for key, value in enumerate(self.totals.values(), 12):
                fields[key] = value
        return cbor.encode(fields)


def read_statement(payload: bytes) -> Statement:
    """Raises WireError."""
    value = cbor.decode(payload)
    # All of the totals or none: there is one form with them and one without.
    with_totals = isinstance(value, dict) and 12 in value
    required = _REQUIRED + _TOTALS if with_totals else _REQUIRED
    fields = read_map(value, required, (), "statement")
    statement = Statement(
        integer(fields[1], "statement.run"),
        text(fields[2], "statement.account"),
        currency(text(fields[3], "statement.currency"), "statement.currency"),
        scale(integer(fields[4], "statement.scale"), "statement.scale"),
        integer(fields[5], "statement.period_start"),
        integer(fields[6], "statement.period_end"),
        integer(fields[7], "statement.debits"),
        integer(fields[8], "statement.credits"),
        integer(fields[9], "statement.line_count"),
        data(fields[10], 32, "statement.lines_root"),
        data(fields[11], 32, "statement.journal_head"),
        _totals(fields) if with_totals else None,
    )
    if statement.period_end < statement.period_start:
        raise WireError("statement.period_end", "before the period's start")
    return statement


def _totals(fields: dict[int, object]) -> Totals:
    return Totals(
        integer(fields[12], "statement.fees"),
        integer(fields[13], "statement.fees_earned"),
        _signed(fields, 14, "statement.carried"),
        integer(fields[16], "statement.funds"),
        _signed(fields, 17, "statement.moved"),
        _signed(fields, 19, "statement.left"),
    )


def _signed(fields: dict[int, object], key: int, where: str) -> int:
    owes, owed = integer(fields[key], where), integer(fields[key + 1], where)
    if owes and owed:
        raise WireError(where, "can't be owed both ways")
    return owes - owed


def net(statement: Statement) -> int:
    """What the account owes (positive) or is owed (negative) by a statement with totals.

    Raises WireError if it has none, or if they do not come to what became of the net.
    """
    totals = statement.totals
    if totals is None:
        raise WireError("statement.totals", "it has none")
    found = statement.debits - statement.credits
    found += totals.fees - totals.fees_earned + totals.carried
    if found != totals.funds + totals.moved + totals.left:
        raise WireError("statement.totals", "they do not add up")
    return found


def check_lines(statement: Statement, lines: "Iterable[bytes]") -> None:
    """That these encoded lines are the statement's own and add up to its totals.

    Raises WireError naming what does not fit. Holds one line at a time.
    """
    tree = merkle.Tree()
    sums = [0, 0]
    fees = 0
    for encoded in lines:
        tree.add(merkle.leaf_hash(encoded))
        line = read_line(encoded)
        sums[line.role] += line.to_amount - line.from_amount
        fees += line.fee
    if tree.count != statement.line_count:
        raise WireError("statement.line_count", "another number of lines")
    if tree.root() != statement.lines_root:
        raise WireError("statement.lines_root", "the lines are not those that were signed")
    if sums[PAYER] != statement.debits:
        raise WireError("statement.debits", "the lines add up to another sum")
    if sums[PAYEE] != statement.credits:
        raise WireError("statement.credits", "the lines add up to another sum")
    if fees != (0 if statement.totals is None else statement.totals.fees):
        raise WireError("statement.fees", "the lines add up to another sum")
