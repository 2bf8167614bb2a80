"""A statement as its account's owner is to read it: what is signed, and the names of things."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from gateway.documents.cells import decimal
from protocol.pricing import METERED, Tariff
from protocol.statements import Statement, StatementLine, Totals


@dataclass(frozen=True, slots=True)
class Paper:
    """One account's statement of one run, and everything that is written on paper about it.

    `message` is its signed form, `lines` are its own in their order, `tariffs` those that they
    name by id. `run_root` is the root that the run's statements are proven against, None of a run
    that was not signed as a whole.
    """

    statement: Statement
    message: bytes
    account_name: str
    gateway_key: bytes
    lines: Sequence[StatementLine]
    tariffs: Mapping[bytes, Tariff]
    run_root: bytes | None


def sums(statement: Statement) -> list[tuple[str, int]]:
    """What the account's net is made of, each line with what it means; positive owes."""
    totals = _totals(statement)
    found = [("Used", statement.debits), ("Earned", -statement.credits)]
    found += [("Fees", totals.fees), ("Fees earned", -totals.fees_earned)]
    return [*found, ("Carried from earlier runs", totals.carried)]


def net(statement: Statement) -> int:
    """The sum of `sums`."""
    return sum(amount for _what, amount in sums(statement))


def uses(statement: Statement) -> list[tuple[str, int]]:
    """What becomes of the net; none where the statement doesn't tell."""
    if statement.totals is None:
        return []
    totals = statement.totals
    by_rail = "To be collected from you" if totals.moved > 0 else "To be paid to you"
    return [
        ("Taken from your deposits", totals.funds),
        (by_rail, abs(totals.moved)),
        ("Carried into the next run", totals.left),
    ]


def _totals(statement: Statement) -> Totals:
    return statement.totals or Totals(0, 0, 0, 0, 0, 0)


def session_fee_of(line: StatementLine, tariff: Tariff) -> int:
    """What of a line is the channel's session fee, in atomic units: it is due with the first unit
    of all, and is what the units of a line that begins there don't cost. 0 of other lines, and
    where the price says nothing of the amount."""
    if line.from_amount or tariff.pricing != METERED:
        return 0
    return line.to_amount - line.to_units * tariff.numerator // tariff.denominator


def price_of(tariff: Tariff) -> str:
    """A tariff's price, exact: as a decimal of the currency where it has an end, else as the
    fraction of atomic units that it is."""
    numerator, denominator = tariff.numerator, tariff.denominator
    shared = gcd(numerator, denominator)
    numerator, denominator = numerator // shared, denominator // shared
    digits = tariff.scale
    while denominator > 1 and digits < tariff.scale + 20:
        numerator, digits = numerator * 10, digits + 1
        shared = gcd(numerator, denominator)
        numerator, denominator = numerator // shared, denominator // shared
    if denominator > 1:
        times = f"\N{MULTIPLICATION SIGN} {decimal(1, tariff.scale)} {tariff.currency}"
        return f"{tariff.numerator}/{tariff.denominator} {times}"
    text = str(numerator).rjust(digits + 1, "0")
    whole, part = (text[:-digits], text[-digits:].rstrip("0")) if digits else (text, "")
    return f"{whole}.{part.ljust(2, '0')} {tariff.currency}"
