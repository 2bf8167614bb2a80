"""Statements on paper: exact, the same each time, and safe to open."""

import csv
import io
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from gateway.documents.amounts import amount_of, digits_of, time_of
from gateway.documents.statement import Paper, net, price_of
from gateway.documents.statement_csv import HEADER, statement_csv
from gateway.documents.statement_pdf import MOST_LINES, statement_pdf
from protocol.pricing import OPEN_ENDED, Tariff
from protocol.statements import PAYEE, PAYER, StatementLine
from tests.cli.tallystick import ROOT, environment
from tests.documents.papers import BYTES, POWER, paper


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def pages(content: bytes) -> list[str]:
    reader = PdfReader(io.BytesIO(content))
    return [page.extract_text().replace("\N{NO-BREAK SPACE}", " ") for page in reader.pages]


@given(st.integers(-(2**63), 2**63), st.integers(0, 18), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_an_amount_on_paper_is_exact_and_has_its_currencys_decimals(
    amount: int, scale: int, currency: str
) -> None:
    digits = digits_of(amount, currency, scale)
    text = amount_of(amount, scale, digits)
    plain = text.replace("\N{NO-BREAK SPACE}", "").replace("\N{MINUS SIGN}", "-")
    assert Fraction(plain) == Fraction(amount, 10**scale)
    assert digits >= min(scale, {"EUR": 2, "JPY": 0, "KWD": 3}[currency])
    assert digits == len(plain.partition(".")[2])


def test_amounts_read_as_people_write_them() -> None:
    assert amount_of(-1_234_500_000, 6, 2) == "\N{MINUS SIGN}1\N{NO-BREAK SPACE}234.50"
    assert amount_of(0, 6, 2) == "0.00"
    assert amount_of(7, 0, 0) == "7"
    with pytest.raises(ValueError, match="more than 2 decimals"):
        amount_of(1, 6, 2)
    assert time_of(1_800_000_000) == "2027-01-15 08:00:00 UTC"
    assert time_of(2**63 - 1) == "9223372036854775807 s after 1970"


@given(st.integers(0, 2**63 - 1), st.integers(1, 2**63 - 1), st.integers(0, 18))
def test_a_price_on_paper_is_exact(numerator: int, denominator: int, scale: int) -> None:
    text = price_of(Tariff("W.h", numerator, denominator, "EUR", scale))
    first, _times, atom = text.removesuffix(" EUR").partition(" \N{MULTIPLICATION SIGN} ")
    assert Fraction(first) * Fraction(atom or 1) == Fraction(numerator, denominator * 10**scale)


def test_prices_read_as_people_write_them() -> None:
    assert price_of(POWER) == "0.0003 EUR"
    assert price_of(Tariff("kW.h", 300_000, 1, "EUR")) == "0.30 EUR"
    assert price_of(Tariff("By", 1, 4, "EUR", 0)) == "0.25 EUR"
    assert price_of(BYTES) == "1/3 \N{MULTIPLICATION SIGN} 0.000001 EUR"


def test_the_csv_has_each_line_and_all_sums_exactly() -> None:
    given = paper(40)
    found = rows(statement_csv(given))
    lines = [row for row in found if row["row"] == "line"]
    for row, line in zip(lines, given.lines, strict=True):
        sign = -1 if row["side"] == "is paid" else 1
        assert Fraction(row["amount"]) * 10**6 == sign * (line.to_amount - line.from_amount)
        assert int(row["units"]) == line.to_units - line.from_units
        assert (row["channel"], row["tariff"]) == (line.channel.hex(), line.tariff.hex())
        assert (row["first_iou"], row["last_iou"]) == (line.first.hex(), line.last.hex())
    sums = {row["row"]: Fraction(row["amount"]) * 10**6 for row in found if row["row"] != "line"}
    assert sums["Net"] == net(given.statement)
    assert sum(Fraction(row["amount"]) for row in lines) * 10**6 == sums["Used"] + sums["Earned"]
    assert sums["Net"] == sum(
        sums[name]
        for name in ("Used", "Earned", "Fees", "Fees earned", "Carried from earlier runs")
    )
    assert all(row["account"] == "fleet-north" for row in found)


@pytest.mark.threat("D15")
@pytest.mark.parametrize("unit", ["=1+1", "+1", "-1", "@SUM(1)", "=cmd|'/C'!A0"])
def test_d15_no_cell_of_the_csv_is_taken_for_a_formula(unit: str) -> None:
    found = rows(statement_csv(paper(3, tariffs=(Tariff(unit, 1, 1, "EUR"),))))
    for row in found:
        for name in HEADER:
            if name != "amount":
                assert row[name][:1] not in ("=", "+", "-", "@", "\t", "\r", "\n"), name
    assert {row["unit"] for row in found if row["row"] == "line"} == {"'" + unit}


def test_the_pdf_says_whose_what_and_how_to_check() -> None:
    given = paper()
    (text,) = pages(statement_pdf(given))
    for each in (
        "Run 12",
        "Łódź Energetyka",
        "Account fleet-north",
        "2027-01-15 08:00:00 UTC",
        "to 2027-01-16 08:00:00 UTC",
        "You owe",
        "Taken from your deposits",
        "1.000000 EUR",
        "Carried into the next run",
        "0.000123 EUR",
        "1 000 W.h",
        "0.0003 EUR / W.h",
        "tallystick verify statement.cbor --lines statement.cbor.lines",
        "--proof statement.cbor.proof --key KEY",
        given.gateway_key.hex(),
        given.statement.lines_root.hex(),
        "02" * 32,
        "1 / 1",
    ):
        assert each in text, each


def test_a_statement_without_totals_is_written_all_the_same() -> None:
    (text,) = pages(statement_pdf(paper(1, totals=False)))
    assert "You owe" in text
    assert "To be collected" not in text
    assert b"To be" not in statement_csv(paper(1, totals=False))


def test_the_same_statement_gives_the_same_bytes_in_every_process() -> None:
    program = (
        "import hashlib;from tests.documents.papers import paper;"
        "from gateway.documents.statement_pdf import statement_pdf as pdf;"
        "from gateway.documents.statement_csv import statement_csv as table;"
        "print(hashlib.sha256(pdf(paper()) + table(paper())).hexdigest())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            cwd=ROOT,
            env=environment(PYTHONHASHSEED=seed, TZ=zone),
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
    assert len(said) == 1
    assert statement_pdf(paper()) == statement_pdf(paper())
    assert statement_pdf(paper()) != statement_pdf(paper(name="Another"))


def test_a_long_statement_has_numbered_pages_and_refers_to_its_csv_for_the_rest() -> None:
    found = pages(statement_pdf(paper(120)))
    for number, text in enumerate(found, 1):
        assert f"{number} / {len(found)}" in text
    assert all("CHANNEL" in text for text in found[:3])
    assert "in the CSV" not in "".join(found)
    last = pages(statement_pdf(paper(MOST_LINES + 1_234)))[-1]
    assert "and 1 234 more, all of which are in the CSV." in last


@pytest.mark.threat("D15")
def test_d15_letters_that_the_font_lacks_are_seen_to_be_missing() -> None:
    (text,) = pages(statement_pdf(paper(1, name="中文 (a) \\ Ωж")))
    assert "?? (a) \\ Ωж" in text


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=100))
@settings(max_examples=25, deadline=None)
def test_whatever_an_account_is_called_its_statement_is_written(name: str) -> None:
    assert statement_pdf(paper(1, name=name)).startswith(b"%PDF-")


def with_session_fees() -> Paper:
    """Four lines: a channel's first with its session fee, its second, the first of one whose price
    changed before anything was paid, and what a payee is credited."""
    parked = Tariff("W.h", 300, 1, "EUR", session_fee=500_000)
    credited = Tariff("W.h", 0, 1, "EUR", pricing=OPEN_ENDED)
    ends = b"\x07" * 32, b"\x08" * 32
    spans = (
        (PAYER, 0, parked.amount(1_000), 0, 1_000, parked),
        (PAYER, parked.amount(1_000), parked.amount(1_500), 1_000, 1_500, parked),
        (PAYER, 0, 500_000 + POWER.amount(10), 0, 10, POWER),
        (PAYEE, 0, 790_000, 0, 1_000, credited),
    )
    lines = [
        StatementLine(bytes([n]) * 32, role, start, end, first, last, tariff.id(), *ends)
        for n, (role, start, end, first, last, tariff) in enumerate(spans)
    ]
    tariffs = {each.id(): each for each in (parked, POWER, credited)}
    return replace(paper(1), lines=lines, tariffs=tariffs)


def test_the_csv_says_what_of_a_line_is_the_session_fee() -> None:
    found = [row for row in rows(statement_csv(with_session_fees())) if row["row"] == "line"]
    assert [row["session_fee"] for row in found] == ["0.500000", "", "0.500000", ""]
    assert found[0]["amount"] == "0.800000"


def test_the_paper_says_so_beside_the_price() -> None:
    text = "\n".join(pages(statement_pdf(with_session_fees())))
    assert text.count("and session fee 0.500000 EUR") == 2
