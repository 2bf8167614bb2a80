"""What a payee pays for an interval that is posted, by its tariff: pure arithmetic.

A fee is a fixed amount for each interval and a part of the interval's amount in basis points (1 of
10,000), rounded down. It never exceeds the interval: a payee is not made to owe for being paid. It
is the gateway's own term with the payee, and no part of the price that payers sign.
"""

MOST_BP = 10_000
"""All of an interval, in basis points."""

SQL = (
    "CASE WHEN {amount} / 10000 * {bp} + {amount} % 10000 * {bp} / 10000 >= {amount} - {fixed}"
    " THEN {amount} ELSE {amount} / 10000 * {bp} + {amount} % 10000 * {bp} / 10000 + {fixed} END"
)
"""`fee_of` as SQL; no step of it reaches 2^63."""


def fee_of(amount: int, fixed: int, bp: int) -> int:
    """The fee for an interval of `amount`: `fixed` atomic units and `bp` basis points of it.

    All in 0 to 2^63-1, `bp` at most 10,000.
    """
    return min(amount, fixed + amount * bp // MOST_BP)
