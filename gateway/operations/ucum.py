"""Units of measure as UCUM writes them, and the exact conversion between two of them.

Source: The Unified Code for Units of Measure, version 2.1, sections 2.1 to 2.4, the case-sensitive
codes. What a code is converted by is a fraction; where there is none it is refused, never rounded.
"""

import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from gateway.operations.errors import BadInput
from gateway.operations.ucum_atoms import (
    BASE,
    CUSTOMARY,
    METRIC,
    NO_FRACTION,
    NO_FRACTION_METRIC,
    PREFIXES,
)

LONGEST = 16
"""The most characters of a unit on the wire."""
_MOST_EXPONENT = 99
_MOST_DIGITS = 18
_SIGNED = tuple("+-0123456789")
_TOKEN = re.compile(r"\{[!-z|~]*\}|[().]|/|[^(){}./]+")
_FACTOR = re.compile(r"[1-9][0-9]*")
_POWER = re.compile(r"(.*?)([+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Unit:
    """What a code comes to: `factor` of its dimensions, or None where no fraction says it. A
    dimension is a base unit, an annotation such as {reading}, or a code that has no fraction."""

    factor: Fraction | None
    dimensions: tuple[tuple[str, int], ...]


def convert(field: str, value: Fraction, given: str, wanted: str) -> Fraction:
    """How many `wanted` (a UCUM code) are `value` of `given`, exactly.

    Raises BadInput naming `field` if one of them is no known code, if they measure different
    things, or if no fraction leads from one to the other.
    """
    from_, to = parse(field, given), parse(field, wanted)
    if from_.dimensions != to.dimensions:
        raise BadInput(field, f"{given} and {wanted} do not measure the same thing")
    if given == wanted:
        return value
    if from_.factor is None or to.factor is None:
        raise BadInput(field, f"{given} can't be converted to {wanted} without rounding")
    return value * from_.factor / to.factor


def quantity(field: str, text: str, unit: str) -> Fraction:
    """How many `unit` (a UCUM code) a text such as `1000`, `kW.h` or `100 MBy` names, exactly: a
    whole number of that unit, a code, or a whole number of a code. Raises BadInput naming `field`.
    """
    number, space, code = text.partition(" ")
    if not space:
        number, code = (text, unit) if text[:1] in _SIGNED else ("1", text)
    if not _FACTOR.fullmatch(number) or len(number) > _MOST_DIGITS:
        raise BadInput(field, "must be a whole number, a UCUM code, or both: 1000, kW.h, 100 MBy")
    return convert(field, Fraction(number), code, unit)


def parse(field: str, code: str) -> Unit:
    """What a code of 1 to 16 characters comes to. Raises BadInput naming `field`."""
    if not 1 <= len(code) <= LONGEST:
        raise BadInput(field, f"must be a UCUM code of 1 to {LONGEST} characters, such as W.h")
    try:
        return _parsed(code)
    except ValueError as error:
        raise BadInput(field, f"{code!r} is no UCUM code that is known here: {error}") from None


@cache
def _atoms() -> dict[str, tuple[bool, str | None, str]]:
    """Of each atom whether it takes a prefix, its value, and of what; no value, no fraction."""
    plain: dict[str, tuple[bool, str | None, str]] = {}
    plain |= dict.fromkeys(BASE, (True, "1", ""))
    plain |= {atom: (True, *rest) for atom, rest in METRIC.items()}
    plain |= {atom: (False, *rest) for atom, rest in CUSTOMARY.items()}
    plain |= dict.fromkeys(NO_FRACTION, (False, None, ""))
    return plain | dict.fromkeys(NO_FRACTION_METRIC, (True, None, ""))


def _parsed(code: str) -> Unit:
    tokens = _TOKEN.findall(code)
    if "".join(tokens) != code:
        raise ValueError("a brace is open, or holds what it may not")
    tokens.reverse()
    unit = _term(tokens)
    if tokens:
        raise ValueError(f"{tokens[-1]!r} is left over")
    return unit


def _term(tokens: list[str]) -> Unit:
    """Components with points and strokes between them, from left to right; a stroke may lead."""
    power = 1
    if tokens and tokens[-1] == "/":
        tokens.pop()
        power = -1
    unit = _raised(_component(tokens), power)
    while tokens and tokens[-1] in "./":
        power = 1 if tokens.pop() == "." else -1
        unit = _times(unit, _raised(_component(tokens), power))
    return unit


def _component(tokens: list[str]) -> Unit:
    if not tokens:
        raise ValueError("something is missing at its end")
    part = tokens.pop()
    if part == "(":
        unit = _term(tokens)
        if not tokens or tokens.pop() != ")":
            raise ValueError("a bracket is not closed")
        return unit
    if part in (")", ".", "/"):
        raise ValueError(f"{part!r} stands where a unit should")
    if part.startswith("{"):
        return Unit(Fraction(1), ((part, 1),))
    unit = _simple(part)
    if tokens and tokens[-1].startswith("{"):
        unit = _times(unit, Unit(Fraction(1), ((tokens.pop(), 1),)))
    return unit


@cache
def _simple(token: str) -> Unit:
    """A number, or an atom with its prefix and exponent."""
    if _FACTOR.fullmatch(token):
        return Unit(Fraction(int(token)), ())
    matched = _POWER.fullmatch(token)
    name, exponent = matched.groups() if matched else (token, None)
    power = int(exponent or "1")
    if not 1 <= abs(power) <= _MOST_EXPONENT:
        raise ValueError(f"the exponent in {token!r} must be 1 to {_MOST_EXPONENT}, or below zero")
    return _raised(_atom(name), power)


def _atom(name: str) -> Unit:
    atoms = _atoms()
    if name in atoms:
        return _defined(name, Fraction(1))
    for length in (1, 2):
        prefix, rest = name[:length], name[length:]
        if prefix in PREFIXES and rest in atoms and atoms[rest][0]:
            base, exponent = PREFIXES[prefix]
            return _defined(rest, Fraction(base) ** exponent)
    raise ValueError(f"there is no unit {name!r}")


def _defined(name: str, times: Fraction) -> Unit:
    _, value, of = _atoms()[name]
    if value is None:
        return Unit(None, ((name, 1),))
    if not of:
        return Unit(times, ((name, 1),))
    return _times(Unit(times * Fraction(value), ()), _parsed(of))


def _raised(unit: Unit, power: int) -> Unit:
    factor = None if unit.factor is None else unit.factor**power
    return Unit(factor, tuple((name, each * power) for name, each in unit.dimensions))


def _times(one: Unit, other: Unit) -> Unit:
    dimensions = Counter(dict(one.dimensions))
    dimensions.update(dict(other.dimensions))
    kept = tuple(sorted((name, power) for name, power in dimensions.items() if power))
    if one.factor is None or other.factor is None:
        return Unit(None, kept)
    return Unit(one.factor * other.factor, kept)
