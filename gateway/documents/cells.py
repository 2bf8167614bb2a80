"""The cells of CSV files: exact decimals, and text that no spreadsheet takes for a formula."""

import unicodedata


def decimal(amount: int, scale: int) -> str:
    """Atomic units as an exact decimal, for example 1234567 at scale 6 as "1.234567"."""
    sign = "-" if amount < 0 else ""
    digits = str(abs(amount)).rjust(scale + 1, "0")
    return sign + (f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits)


def safe_cell(text: str) -> str:
    """`text` as a spreadsheet takes it for text, never for a formula."""
    # Some take full-width signs for plain ones; NFKC does so too.
    start = unicodedata.normalize("NFKC", text[:1])
    return "'" + text if start in ("=", "+", "-", "@", "\t", "\r", "\n") else text


def unsafe_cell(cell: str) -> str:
    """The text that `safe_cell` made this cell of."""
    return cell[1:] if cell[:1] == "'" and safe_cell(cell[1:]) == cell else cell
