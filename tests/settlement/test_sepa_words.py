"""What SEPA carries: letters, account numbers, days."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.settlement.rails import DestinationError, reference_of
from gateway.settlement.rails.sepa import days, words
from gateway.settlement.rails.sepa.parties import check_bic, check_creditor_id, check_iban

CARRIED = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]*")


@pytest.mark.parametrize(
    ("given_", "carried"),
    [
        ("Plain name (1), o.k.?", "Plain name (1), o.k.?"),
        ("Müller & Söhne GmbH", "Mueller + Soehne GmbH"),
        ("Großmann", "Grossmann"),
        ("Čapek, Nuñez; Łódź", "Capek, Nunez, Lodz"),
        ("Ångström", "Angstroem"),
        ("Cafe\u0301", "Cafe"),
        ("D\u2019Arcy — “x_y”", "D'Arcy - 'x-y'"),
        ("  two   spaces ", "two spaces"),
        ("a@b.eu", "a(at)b.eu"),
    ],
)
def test_names_are_spelled_in_the_letters_that_banks_carry(given_: str, carried: str) -> None:
    assert words.carried(given_) == carried


@pytest.mark.parametrize("text", ["株", "Газ", "a\u202eb", "a\tb", "a\0b", "a|b", "<b>", "π", "=1"])
def test_what_has_no_spelling_is_refused_and_named(text: str) -> None:
    with pytest.raises(ValueError, match="which banks do not carry"):
        words.carried(text)


@given(st.text(max_size=80))
@example("\u0130\u0131")
def test_whatever_is_carried_is_carried_unchanged(text: str) -> None:
    try:
        once = words.carried(text)
    except ValueError:
        return
    assert CARRIED.fullmatch(once)
    assert words.carried(once) == once


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "must be an IBAN"),
        ("DE", "must be an IBAN"),
        ("DE89370400440532013001", "check"),
        ("DE8937040044053201300", "length"),
        ("DE893704004405320130000", "length"),
        ("ZZ89370400440532013000", "country"),
        ("NL91ABNA041716430A", "."),
        ("ES9121000418450200051331", "check"),
        ("BE68539007547035", "."),
        ("US64SVBKUS6S3300958879", "."),
        ("TR330006100519786457841326", "of TR, which is not in the SEPA zone"),
        ("SA0380000000608010167519", "of SA, which is not in the SEPA zone"),
        ("DE89370400440532013000\n", "must be an IBAN"),
        ("١٢٣", "must be an IBAN"),
    ],
)
@pytest.mark.threat("G7")
def test_a_wrong_or_foreign_iban_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(DestinationError, match=f"(?i)^iban: .*{complaint}"):
        check_iban("iban", text)


# From the registry of IBANs (SWIFT): the examples of countries in the SEPA zone.
EXAMPLES = """
    AT611904300234573201 BE68539007547034 BG80BNBG96611020345678 CH9300762011623852957
    CY17002001280000001200527600 CZ6508000000192000145399 DE89370400440532013000
    DK5000400440116243 EE382200221020145685 ES9121000418450200051332 FI2112345600000785
    FR1420041010050500013M02606 GB29NWBK60161331926819 GR1601101250000000012300695
    HR1210010051863000160 HU42117730161111101800000000 IE29AIBK93115212345678
    IS140159260076545510730339 IT60X0542811101000000123456 LI21088100002324013AA
    LT121000011101001000 LU280019400644750000 LV80BANK0000435195001 MC5811222000010123456789030
    MT84MALT011000012345MTLCAST001S NL91ABNA0417164300 NO9386011117947
    PL61109010140000071219812874 PT50000201231234567890154 RO49AAAA1B31007593840000
    SE4550000000058398257466 SI56263300012039086 SK3112000000198742637541
    SM86U0322509800000000270100
""".split()  # noqa: SIM905


@pytest.mark.parametrize("iban", EXAMPLES)
def test_ibans_of_the_sepa_zone_are_taken(iban: str) -> None:
    spaced = " ".join(iban[i : i + 4] for i in range(0, len(iban), 4)).lower()
    assert check_iban("iban", spaced) == iban


@given(st.sampled_from(EXAMPLES), st.integers(0, 40), st.characters(codec="ascii"))
def test_one_changed_character_of_an_iban_is_noticed(iban: str, at: int, other: str) -> None:
    at %= len(iban)
    changed = iban[:at] + other + iban[at + 1 :]
    if re.sub(" ", "", changed).upper() == iban:
        return
    if other.isalnum() and other.isdigit() != iban[at].isdigit():
        # A letter is two digits of the number that is checked: of such changes one in 97 is missed.
        return
    with pytest.raises(DestinationError):
        check_iban("iban", changed)


@given(st.text(max_size=40))
def test_any_text_is_an_iban_or_refused_by_name(text: str) -> None:
    for check in (check_iban, check_bic, check_creditor_id):
        try:
            found = check("field", text)
        except DestinationError as error:
            found = error.field
        assert found.isascii() and found.isalnum()


@pytest.mark.parametrize(
    "day",
    ["2026-01-01", "2026-04-03", "2026-04-06", "2026-05-01", "2026-12-25", "2026-11-28"],
)
def test_holidays_and_weekends_settle_no_euro(day: str) -> None:
    assert not days.is_open(date.fromisoformat(day))


def test_easter_is_where_it_was() -> None:
    sundays = [days.easter(year) for year in (1999, 2000, 2008, 2011, 2024, 2025, 2026, 2038)]
    assert [f"{each:%Y-%m-%d}" for each in sundays] == [
        "1999-04-04",
        "2000-04-23",
        "2008-03-23",
        "2011-04-24",
        "2024-03-31",
        "2025-04-20",
        "2026-04-05",
        "2038-04-25",
    ]


@given(st.dates(date(2020, 1, 1), date(2060, 1, 1)), st.integers(0, 60))
def test_the_day_of_settlement_is_open_and_so_many_open_days_on(start: date, count: int) -> None:
    found = days.settled_after(start, count)
    first = days.settled_after(start, 0)
    assert days.is_open(found) and first >= start
    between = (first + timedelta(days=1 + n) for n in range((found - first).days))
    assert sum(days.is_open(each) for each in between) == count


@given(st.from_regex(r"[a-z0-9-]{1,60}", fullmatch=True))
def test_a_reference_fits_every_bank_and_stays_the_same(text: str) -> None:
    reference = reference_of(text)
    assert words.is_identifier(reference) or not words.is_identifier(text[:35])
    assert reference_of(reference) == reference
    assert reference == text or len(text) > 35
