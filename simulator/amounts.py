"""How amounts are written for people. Nothing is rounded; no arithmetic on money may live here."""


def decimal(amount: int, scale: int) -> str:
    """An amount of atomic units with its point: `decimal(1234567, 6)` is `1.234567`. Any sign;
    scale 0 or more."""
    whole, part = divmod(abs(amount), 10**scale)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{part:0{scale}}" if scale else f"{sign}{whole}"
