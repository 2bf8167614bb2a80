"""What a check of an installation found."""

from dataclasses import dataclass

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was found, and what to do about it (empty if nothing)."""

    check: str
    level: str
    found: str
    advice: str = ""
