"""The SEPA rail: what every rail must pass, and the files that a bank gets."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from lxml import etree
from sepaxml import SepaDD, SepaTransfer

from gateway.settlement.rails import COLLECT, PAY, Instruction, RailError, reference_of
from gateway.settlement.rails.conformance import RailConformance
from gateway.settlement.rails.sepa.rail import SepaRail, make

AT = 1_777_000_000  # Friday 24 April 2026; the 1st of May, a Friday, is a holiday
OPERATOR: dict[str, object] = {
    "name": "Stromnetz Sued",
    "iban": "DE89 3704 0044 0532 0130 00",
    "bic": "COBADEFFXXX",
    "creditor_id": "DE98ZZZ09999999999",
}
PAYEE = {"name": "Bée & Söhne", "iban": "NL91ABNA0417164300", "bic": "ABNANL2AXXX"}
PAYER = {
    "name": "Ant",
    "iban": "AT611904300234573201",
    "mandate": "M-1",
    "mandate_date": "2026-01-31",
    "sequence": "FRST",
}


def sepa(folder: Path, **changes: object) -> SepaRail:
    given = {key: value for key, value in (OPERATOR | changes).items() if value is not None}
    return make(folder, {"folder": str(folder)} | given)


def instruction(
    account: str, direction: str, cents: int, details: Mapping[str, str], **changes: object
) -> Instruction:
    from gateway.settlement.rails.sepa.parties import check_destination

    id_ = f"run-7-{account}"
    made = Instruction(
        id_,
        7,
        account,
        account.title(),
        direction,
        cents * 10_000,
        "EUR",
        6,
        reference_of(id_),
        check_destination(details),
        AT,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def batch() -> list[Instruction]:
    return [
        instruction("ant", COLLECT, 1250, PAYER),
        instruction("asp", COLLECT, 99_999_999_999, PAYER | {"sequence": "RCUR"}),
        instruction("bee", PAY, 1, PAYEE),
        instruction("cat", PAY, 305, {"name": "Cat", "iban": "FI2112345600000785"}),
    ]


def leaves(element: ElementTree.Element, tag: str) -> list[str]:
    return [each.text or "" for each in element.iter() if each.tag.rpartition("}")[2] == tag]


def read(path: Path) -> ElementTree.Element:
    return ElementTree.parse(path).getroot()


@pytest.mark.threat("C2", "G7", "O4")
class TestSepaRail(RailConformance):
    """The suite, on ISO 20022 files."""

    def make_rail(self, folder: Path) -> SepaRail:
        return sepa(folder)

    def moved(self, folder: Path) -> dict[str, int]:
        found: dict[str, int] = {}
        for path in folder.glob("*.xml"):
            for tag, sign in (("CdtTrfTxInf", -1), ("DrctDbtTxInf", 1)):
                for each in read(path).iter():
                    if each.tag.rpartition("}")[2] == tag:
                        (name,), (euro,) = leaves(each, "EndToEndId"), leaves(each, "InstdAmt")
                        amount = sign * int(Decimal(euro).scaleb(self.scale))
                        assert found.setdefault(name, amount) == amount
        return found

    def destination(self, direction: str, account: str) -> Mapping[str, str]:
        return PAYER if direction == COLLECT else PAYEE

    def bad_details(self) -> Sequence[tuple[str, Mapping[str, object]]]:
        return [
            ("iban", {"name": "A"}),
            ("name", {"iban": PAYEE["iban"]}),
            ("iban", PAYEE | {"iban": "NL91ABNA0417164301"}),
            ("iban", PAYEE | {"iban": "DE12500105170648489891"}),
            ("iban", PAYEE | {"iban": 7}),
            ("iban", PAYEE | {"iban": "TR330006100519786457841326"}),
            ("iban", PAYEE | {"iban": "US64SVBKUS6S3300958879"}),
            ("bic", PAYEE | {"bic": "COBA"}),
            ("name", PAYEE | {"name": "株式会社"}),
            ("name", PAYEE | {"name": "x" * 71}),
            ("name", PAYEE | {"name": "two\nlines"}),
            ("mandate", PAYEE | {"mandate_date": "2026-01-31"}),
            ("mandate", PAYER | {"mandate": "M//1"}),
            ("mandate", PAYER | {"mandate": "M 1"}),
            ("mandate_date", PAYER | {"mandate_date": "31.1.2026"}),
            ("mandate_date", PAYER | {"mandate_date": "2026-02-30"}),
            ("sequence", PAYER | {"sequence": "OOFF"}),
            ("name_at_bank", PAYEE | {"name_at_bank": "Somebody Else"}),
            ("colour", PAYEE | {"colour": "red"}),
        ]


def test_files_fit_the_schemas_and_tell_their_totals(tmp_path: Path) -> None:
    rail = sepa(tmp_path)
    rail.submit("run-7", batch())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "run-7-collect.xml",
        "run-7-pay.xml",
        "run-7.csv",
    ]
    assert [(file.path.name, file.says) for file in rail.files("run-7")] == [
        ("run-7-pay.xml", "2 x credit transfer, 3.06 EUR"),
        ("run-7-collect.xml", "2 x direct debit, 1000000012.49 EUR"),
    ]
    pay, collect = read(tmp_path / "run-7-pay.xml"), read(tmp_path / "run-7-collect.xml")
    assert leaves(pay, "NbOfTxs") == ["2", "2"] and leaves(pay, "CtrlSum") == ["3.06", "3.06"]
    assert leaves(collect, "NbOfTxs") == ["2", "1", "1"]
    assert leaves(collect, "CtrlSum") == ["1000000012.49", "12.50", "999999999.99"]
    assert leaves(pay, "MsgId") == leaves(pay, "PmtInfId") == ["run-7-pay"]
    assert leaves(collect, "PmtInfId") == ["run-7-collect-frst", "run-7-collect-rcur"]
    assert leaves(pay, "EndToEndId") == ["run-7-bee", "run-7-cat"]
    assert leaves(collect, "SeqTp") == ["FRST", "RCUR"]


def test_names_are_written_as_banks_carry_them_and_that_is_said(tmp_path: Path) -> None:
    rail = sepa(tmp_path)
    checked = rail.check_destination(PAYEE)
    assert checked["name"] == "Bée & Söhne"
    assert checked["name_at_bank"] == "Bee + Soehne"
    rail.submit("run-7", batch())
    assert leaves(read(tmp_path / "run-7-pay.xml"), "Nm") == [
        "Stromnetz Sued",
        "Stromnetz Sued",
        "Bee + Soehne",
        "Cat",
    ]
    assert "name_at_bank" not in rail.check_destination(PAYER)


def test_dates_follow_from_the_run_and_fall_on_days_of_settlement(tmp_path: Path) -> None:
    sepa(tmp_path, collect_after=5).submit("run-7", batch())
    assert leaves(read(tmp_path / "run-7-pay.xml"), "Dt") == ["2026-04-24"]
    collect = read(tmp_path / "run-7-collect.xml")
    # Five open days: 27, 28, 29, 30 April and, after the holiday and a weekend, 4 May.
    assert leaves(collect, "ReqdColltnDt") == ["2026-05-04", "2026-05-04"]
    assert leaves(collect, "CreDtTm") == ["2026-04-24T03:06:40Z"]


@pytest.mark.threat("C2")
def test_files_made_again_are_the_same_byte_for_byte(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    sepa(first).submit("run-7", batch())
    sepa(second).submit("run-7", batch()[::-1])
    made = {path.name: path.read_bytes() for path in first.iterdir()}
    assert made.keys() == {"run-7-collect.xml", "run-7-pay.xml", "run-7.csv"}
    assert made == {path.name: path.read_bytes() for path in second.iterdir()}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"currency": "CHF"}, "moves EUR only, not CHF"),
        ({"amount": 10_001}, "run-7-bee: must be a whole number of cents"),
        ({"amount": 0}, "run-7-bee: must be a whole number of cents"),
        ({"amount": 10**15 + 10_000}, "run-7-bee: must be a whole number of cents"),
        ({"destination": {}}, "run-7-bee: name: is needed"),
        ({"direction": COLLECT}, "run-7-bee: can't collect: it needs a mandate"),
    ],
)
@pytest.mark.threat("G7")
def test_one_that_can_not_be_carried_out_stops_the_batch_before_anything_is_written(
    tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    bad = [replace(each, **changes) if each.account_id == "bee" else each for each in batch()]  # type: ignore[arg-type]
    with pytest.raises(RailError, match=complaint):
        sepa(tmp_path).submit("run-7", bad)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.threat("C2")
def test_a_file_that_was_changed_is_not_written_over_nor_are_the_others(tmp_path: Path) -> None:
    rail = sepa(tmp_path)
    rail.submit("run-7", batch())
    (tmp_path / "run-7-pay.xml").write_text("<changed/>")
    (tmp_path / "run-7-collect.xml").unlink()
    with pytest.raises(RailError, match=r"run-7-pay\.xml: is there with other instructions"):
        rail.submit("run-7", batch())
    assert not (tmp_path / "run-7-collect.xml").exists()


def test_without_a_creditor_id_it_only_pays(tmp_path: Path) -> None:
    rail = sepa(tmp_path, creditor_id=None)
    assert rail.capabilities == {PAY}
    assert rail.serves(PAY, rail.check_destination(PAYER))
    assert not rail.serves(COLLECT, rail.check_destination(PAYER))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"iban": "DE89370400440532013001"}, "rails.sepa.iban: is no valid IBAN"),
        ({"iban": None}, "rails.sepa.iban: is needed"),
        ({"name": None}, "rails.sepa.name: is needed"),
        ({"name": "Süd"}, "rails.sepa.name: must be as banks carry it: Sued"),
        ({"bic": "X"}, "rails.sepa.bic: must be a BIC"),
        ({"bic": 7}, "rails.sepa.bic: must be text"),
        ({"creditor_id": "DE99ZZZ09999999999"}, "rails.sepa.creditor_id: has wrong check digits"),
        ({"creditor_id": "DE"}, "rails.sepa.creditor_id: must be a creditor identifier"),
        ({"collect_after": 0}, "rails.sepa.collect_after: must be 1 to 60 days"),
        ({"colour": "red"}, "rails.sepa.colour: there is no such setting"),
    ],
)
def test_settings_that_can_not_be_are_named(
    tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(RailError, match=complaint):
        sepa(tmp_path, **changes)


def _content(element: etree._Element) -> list[tuple[str, str]]:
    """Paths and texts of a file, without what names it and when it was made."""
    own = {"MsgId", "PmtInfId", "CreDtTm", "InitgPty"}
    found = []
    for each in element.iter():
        path = [etree.QName(part).localname for part in (*list(each.iterancestors())[::-1], each)]
        if len(each) == 0 and not own & set(path):
            found.append(("/".join(path), (each.text or "").strip()))
    return found


def test_another_program_makes_the_same_files(tmp_path: Path) -> None:
    """sepaxml, given the same payments."""
    sepa(tmp_path).submit("run-7", batch())
    from datetime import date

    bank = {
        "name": "Stromnetz Sued",
        "IBAN": "DE89370400440532013000",
        "BIC": "COBADEFFXXX",
        "batch": True,
        "currency": "EUR",
    }
    out = SepaTransfer(bank, schema="pain.001.001.09", clean=False)
    for each in batch()[2:]:
        row = {
            "name": each.destination.get("name_at_bank", each.destination["name"]),
            "IBAN": each.destination["iban"],
            "amount": each.amount // 10_000,
            "execution_date": date(2026, 4, 24),
            "description": each.reference,
            "endtoend_id": each.reference,
        }
        if "bic" in each.destination:
            row["BIC"] = each.destination["bic"]
        out.add_payment(row)
    theirs = etree.fromstring(out.export(validate=True))
    ours = etree.parse(tmp_path / "run-7-pay.xml").getroot()
    assert _content(ours) == _content(theirs)
    debit = SepaDD(
        bank | {"creditor_id": OPERATOR["creditor_id"], "instrument": "CORE"},
        schema="pain.008.001.08",
        clean=False,
    )
    for each in batch()[:1]:
        debit.add_payment(
            {
                "name": "Ant",
                "IBAN": each.destination["iban"],
                "amount": each.amount // 10_000,
                "type": "FRST",
                "collection_date": date(2026, 5, 4),
                "mandate_id": "M-1",
                "mandate_date": date(2026, 1, 31),
                "description": each.reference,
                "endtoend_id": each.reference,
            }
        )
    sepa(tmp_path).submit("run-8", [replace(batch()[0], run=8)])
    theirs = etree.fromstring(debit.export(validate=True))
    ours = etree.parse(tmp_path / "run-8-collect.xml").getroot()
    assert _content(ours) == _content(theirs)
