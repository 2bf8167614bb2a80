"""A statement to write out, from nothing but numbers."""

import hashlib

from gateway.documents.statement import Paper
from protocol import merkle
from protocol.pricing import Tariff
from protocol.statements import PAYEE, PAYER, Statement, StatementLine, Totals

POWER = Tariff("W.h", 300, 1, "EUR")
BYTES = Tariff("By", 1, 3, "EUR")
FEE = 5


def lines_of(count: int, tariffs: tuple[Tariff, ...] = (POWER, BYTES)) -> list[StatementLine]:
    """So many intervals; every fourth is earned, and pays a fee."""
    found = []
    for number in range(count):
        tariff = tariffs[number % len(tariffs)]
        units = number * 7_919 % 100_000 + 1_000
        role = PAYEE if number % 4 == 3 else PAYER
        channel = hashlib.sha256(number.to_bytes(4, "big")).digest()
        ends = b"\x07" * 32, b"\x08" * 32
        span = 3, 3 + tariff.amount(units), 1, 1 + units
        fee = FEE if role == PAYEE else 0
        found.append(StatementLine(channel, role, *span, tariff.id(), *ends, fee))
    return found


def paper(
    count: int = 6,
    name: str = "Łódź Energetyka",
    tariffs: tuple[Tariff, ...] = (POWER, BYTES),
    totals: bool = True,
) -> Paper:
    """A statement of so many lines: 1.5 EUR from before, 1 EUR of it taken from deposits."""
    lines = lines_of(count, tariffs)
    sides = [0, 0]
    for line in lines:
        sides[line.role] += line.to_amount - line.from_amount
    fees = sum(line.fee for line in lines)
    net = sides[PAYER] - sides[PAYEE] + fees + 1_500_000
    became = Totals(fees, 0, 1_500_000, 1_000_000, net - 1_000_123, 123)
    root = merkle.root([line.encoded() for line in lines])
    said = Statement(
        *(12, "fleet-north", "EUR", 6, 1_800_000_000, 1_800_086_400, *sides, count, root),
        b"\x0b" * 32,
        became if totals else None,
    )
    names = {tariff.id(): tariff for tariff in tariffs}
    return Paper(said, b"signed", name, b"\x01" * 32, lines, names, b"\x02" * 32)
