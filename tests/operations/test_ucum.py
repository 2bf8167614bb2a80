"""Units by their UCUM codes: what is one, and what converts to what, exactly.

Every atom is held against the definitions that UCUM publishes, as the package ucumvert carries
them; the conversions' own arithmetic is checked against figures of the SI brochure.
"""

import re
import xml.etree.ElementTree as ElementTree
from fractions import Fraction
from functools import cache
from importlib.resources import files

import pytest

from gateway.operations.errors import BadInput
from gateway.operations.ucum import convert, parse, quantity
from gateway.operations.ucum_atoms import BASE, CUSTOMARY, METRIC, PREFIXES


@cache
def _essence() -> ElementTree.Element:
    text = files("ucumvert").joinpath("vendor/ucum-essence.xml").read_text("utf-8")
    return ElementTree.fromstring(text)


@cache
def _published(kind: str) -> list[tuple[ElementTree.Element, str, str]]:
    """Each definition of a kind that has a value: itself, its value, and of what."""
    return [
        (each, part.get("value", ""), part.get("Unit", ""))
        for each in _essence()
        if each.tag.endswith("}" + kind)
        for part in each
        if part.tag.endswith("}value") and part.get("value")
    ]


_PART = re.compile(r"([./]?)(10[*^]|\d+|[^./\d+-]*\[[^]]*\]|[^./\d+-]+)([+-]?\d+)?")


@cache
def _of_published(code: str) -> Fraction:
    """The factor of a code in UCUM's base units, by the published definitions alone."""
    units = {str(each.get("Code")): (value, of) for each, value, of in _published("unit")}
    prefixes = {str(each.get("Code")): value for each, value, _ in _published("prefix")}
    base = {str(each.get("Code")) for each in _essence() if each.tag.endswith("}base-unit")}
    factor = Fraction(1)
    for stroke, name, exponent in _PART.findall(code):
        rest = next((name[n:] for n in (0, 1, 2) if name[n:] in base | set(units)), "")
        times = Fraction(prefixes.get(name.removesuffix(rest), "1")) if rest else Fraction(name)
        if rest in units:
            value, of = units[rest]
            times *= Fraction(value) * (1 if of == "1" else _of_published(of))
        factor *= times ** (int(exponent or "1") * (-1 if stroke == "/" else 1))
    return factor


@pytest.mark.parametrize("atom", sorted(METRIC | CUSTOMARY))
def test_each_unit_is_what_ucum_says_it_is(atom: str) -> None:
    unit = parse("unit", atom)
    ours = unit.factor
    assert ours is not None
    # There an amount of substance is a number of particles; here it is a dimension of its own.
    particles = _of_published("mol") ** dict(unit.dimensions).get("mol", 0)
    assert ours * particles == _of_published(atom)
    published = {str(each.get("Code")): each for each, _, _ in _published("unit")}
    assert (published[atom].get("isMetric") == "yes") is (atom in METRIC)


def test_each_prefix_is_what_ucum_says_it_is() -> None:
    published = {str(each.get("Code")): Fraction(value) for each, value, _ in _published("prefix")}
    ours = {code: Fraction(base) ** exponent for code, (base, exponent) in PREFIXES.items()}
    assert ours == published


def test_base_units_are_ucums_and_what_it_counts_as_numbers() -> None:
    base = {str(each.get("Code")) for each in _essence() if each.tag.endswith("}base-unit")}
    assert set(BASE) == base | {"mol", "bit"}


@pytest.mark.parametrize(
    ("value", "given", "wanted", "result"),
    [
        (1, "kW.h", "W.h", Fraction(1000)),
        (1, "kW.h", "J", Fraction(3_600_000)),
        (1, "J", "W.h", Fraction(1, 3600)),
        (1, "MBy", "By", Fraction(10**6)),
        (1, "MiBy", "By", Fraction(2**20)),
        (1, "MBy", "bit", Fraction(8 * 10**6)),
        (1, "m3", "L", Fraction(1000)),
        (1, "[gal_us]", "mL", Fraction(3_785_411_784, 10**6)),
        (3, "h", "s", Fraction(10_800)),
        (1, "[mi_i]", "m", Fraction(1_609_344, 1000)),
        (1, "[lbf_av]", "N", Fraction(44482216152605, 10**13)),
        (1, "10*3.{reading}", "{reading}", Fraction(1000)),
        (1, "W.h/(m2.d)", "J/m2/d", Fraction(3600)),
        (1, "/s", "Hz", Fraction(1)),
        (7, "Cel", "Cel", Fraction(7)),
    ],
)
def test_conversion_is_exact(value: int, given: str, wanted: str, result: Fraction) -> None:
    assert convert("unit", Fraction(value), given, wanted) == result


@pytest.mark.parametrize(
    ("given", "wanted", "why"),
    [
        ("W.h", "W", "same thing"),
        ("{reading}", "{article}", "same thing"),
        ("{reading}", "1", "same thing"),
        ("By", "1", "same thing"),
        ("mol", "1", "same thing"),
        ("Cel", "K", "same thing"),
        ("mCel", "Cel", "without rounding"),
        ("deg", "rad", "same thing"),
    ],
)
def test_what_has_no_exact_conversion_is_refused(given: str, wanted: str, why: str) -> None:
    with pytest.raises(BadInput, match=why) as caught:
        convert("per", Fraction(1), given, wanted)
    assert caught.value.field == "per"


@pytest.mark.threat("D15")
@pytest.mark.parametrize(
    "code",
    [
        "kWh",
        "kg.",
        ".m",
        "m/",
        "m//s",
        "(m",
        "m)",
        "m{",
        "m}",
        "{a}{b}",
        "k{a}",
        "W·h",
        "µs",
        "m0",
        "m100",
        "-1",
        "01",
        "kmin",
        "K[lb_av]",
        "[",
        "x",
        "()",
        "",
        " ",
        "m m",
        "a" * 17,
    ],
)
def test_what_is_no_code_is_refused_at_its_field(code: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse("unit", code)
    assert caught.value.field == "unit"


@pytest.mark.parametrize(
    ("text", "units"),
    [("1000", 1000), ("kW.h", 1000), ("100 kW.h", 100_000), ("3600 J", 1), ("1", 1)],
)
def test_a_price_is_for_a_number_a_unit_or_both(text: str, units: int) -> None:
    assert quantity("per", text, "W.h") == units


@pytest.mark.parametrize(
    "text", ["0", "-1", "1.5", "1e3", "", " kW.h", "0 kW.h", "1 2 J", "9" * 19]
)
def test_a_price_for_nothing_or_for_less_than_something_whole_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        quantity("per", text, "W.h")
    assert caught.value.field == "per"
