"""Amounts as people write them, to atomic units and back: exactly, or not at all."""

import re
from fractions import Fraction

from gateway.documents.cells import decimal
from gateway.operations.errors import BadInput

__all__ = ["LIMIT", "atomic", "decimal", "parse_decimal", "price"]

LIMIT = 2**63
_DECIMAL = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?")


def parse_decimal(field: str, text: str) -> Fraction:
    """A decimal such as `0.30` as an exact number. Raises BadInput naming `field`."""
    if not _DECIMAL.fullmatch(text):
        raise BadInput(field, "must be a decimal number such as 0.30, without sign or exponent")
    return Fraction(text)


def atomic(field: str, text: str, scale: int) -> int:
    """A decimal of the currency in atomic units, 0..2^63-1.

    Raises BadInput naming `field` if it has more than `scale` decimals or is too large.
    """
    amount = parse_decimal(field, text) * Fraction(10**scale)
    if amount.denominator != 1:
        raise BadInput(field, f"has more than {scale} decimals, which this currency does not have")
    if amount.numerator >= LIMIT:
        raise BadInput(field, "must be below 2^63 atomic units")
    return amount.numerator


def price(text: str, per: Fraction, scale: int) -> tuple[int, int]:
    """A price of `text` currency for `per` units (above zero), as (numerator, denominator) of
    atomic units for one unit, in lowest terms: `0.30` per 1000 at scale 6 is (300, 1).

    Raises BadInput if a part does not fit below 2^63.
    """
    exact = parse_decimal("price", text) * 10**scale / per
    if exact.numerator >= LIMIT or exact.denominator >= LIMIT:
        raise BadInput("price", "can't be written exactly with a fraction of 63-bit numbers")
    return exact.numerator, exact.denominator
