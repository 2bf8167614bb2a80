"""How numbers, amounts and times stand on paper: exactly, and alike on every page."""

from datetime import UTC, datetime

_NO_MINOR = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_MINOR_DIGITS = {
    **dict.fromkeys(_NO_MINOR.split(), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""Decimals of the minor unit (ISO 4217) where they are not 2."""


def digits_of(amount: int, currency: str, scale: int) -> int:
    """How many decimals `amount` atomic units need, and at least those that the currency has."""
    digits = scale
    while digits > 0 and abs(amount) % 10 ** (scale - digits + 1) == 0:
        digits -= 1
    return max(digits, min(scale, _MINOR_DIGITS.get(currency, 2)))


def amount_of(amount: int, scale: int, digits: int) -> str:
    """Atomic units as a decimal of so many digits, grouped by spaces: `-1 234.50`.

    Raises ValueError if it can't be written exactly with them.
    """
    rest = 10 ** (scale - digits)
    if amount % rest:
        raise ValueError(f"{amount} at scale {scale} needs more than {digits} decimals")
    whole, part = divmod(abs(amount) // rest, 10**digits)
    sign = "\N{MINUS SIGN}" if amount < 0 else ""
    return sign + count_of(whole) + (f".{part:0{digits}}" if digits else "")


def count_of(number: int) -> str:
    """A whole number of at least 0, its digits in groups of three."""
    return f"{number:,}".replace(",", "\N{NO-BREAK SPACE}")


def time_of(seconds: int) -> str:
    """A Unix time as `2027-01-15 08:00:00 UTC`; one that no calendar has as its seconds."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s after 1970"
