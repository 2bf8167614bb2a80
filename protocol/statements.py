"""The gateway's signed account of one settlement run for one account, and its lines."""

from protocol import cbor, merkle
from protocol.errors import WireError
from protocol.fields import currency, data, integer, read_map, scale, text

PAYER = 0
PAYEE = 1


class StatementLine:
    """One channel's interval (from, to] of amounts and units, as the account's payer or payee."""

    def __init__(
        self,
        channel: bytes,
        role: int,
        from_amount: int,
        to_amount: int,
        from_units: int,
        to_units: int,
        tariff: bytes,
    ) -> None:
        self.channel = channel
        self.role = role
        self.from_amount = from_amount
        self.to_amount = to_amount
        self.from_units = from_units
        self.to_units = to_units
        self.tariff = tariff

    def encoded(self) -> bytes:
        """The line as a leaf of the statement's Merkle tree."""
        return cbor.encode(
            {
                1: self.channel,
                2: self.role,
                3: self.from_amount,
                4: self.to_amount,
                5: self.from_units,
                6: self.to_units,
                7: self.tariff,
            }
        )


def read_line(encoded: bytes) -> StatementLine:
    """Raises WireError; an interval must not go backwards."""
    fields = read_map(cbor.decode(encoded), (1, 2, 3, 4, 5, 6, 7), (), "line")
    line = StatementLine(
        data(fields[1], 32, "line.channel_id"),
        integer(fields[2], "line.role"),
        integer(fields[3], "line.from_amount"),
        integer(fields[4], "line.to_amount"),
        integer(fields[5], "line.from_units"),
        integer(fields[6], "line.to_units"),
        data(fields[7], 32, "line.tariff_id"),
    )
    if line.role not in (PAYER, PAYEE):
        raise WireError("line.role", "must be 0 (payer) or 1 (payee)")
    if line.to_amount < line.from_amount or line.to_units < line.from_units:
        raise WireError("line", "the interval goes backwards")
    return line


class Statement:
    """What the account owed (debits) and earned (credits) in one run, in atomic units, and the
    Merkle root of the lines that add up to it. COSE_Sign1 of the gateway."""

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

    def payload(self) -> bytes:
        return cbor.encode(
            {
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
        )


def read_statement(payload: bytes) -> Statement:
    """Raises WireError."""
    fields = read_map(cbor.decode(payload), (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), (), "statement")
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
    )
    if statement.period_end < statement.period_start:
        raise WireError("statement.period_end", "before the period's start")
    return statement


def check_lines(statement: Statement, lines: list[bytes]) -> None:
    """That these encoded lines are the statement's own and add up to its totals.

    Raises WireError naming what does not fit.
    """
    if len(lines) != statement.line_count:
        raise WireError("statement.line_count", "another number of lines")
    if merkle.root(lines) != statement.lines_root:
        raise WireError("statement.lines_root", "the lines are not those that were signed")
    sums = [0, 0]
    for encoded in lines:
        line = read_line(encoded)
        sums[line.role] += line.to_amount - line.from_amount
    if sums[PAYER] != statement.debits:
        raise WireError("statement.debits", "the lines add up to another sum")
    if sums[PAYEE] != statement.credits:
        raise WireError("statement.credits", "the lines add up to another sum")
