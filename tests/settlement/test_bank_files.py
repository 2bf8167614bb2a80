"""Banks' files as values: what they say, of any version, and errors that name the line."""

import pytest

from gateway.settlement.bank import xml
from gateway.settlement.bank.files import read_bank_file
from gateway.settlement.bank.messages import Amount, Booking, Verdict
from gateway.settlement.bank.xml import BankFileError
from tests.settlement.bank_files import IBAN, Entry, Part, camt053, camt054, pain002

PAID = Entry(
    "-3.06",
    [Part("run-7-bee", "3.05", party="Bee", text="run-7-bee"), Part("run-7-cat", "0.01")],
    ref="B-1",
)
BACK = Entry("3.05", [Part("run-7-bee", reason="AC04", party="Bee")], ref="B-2")


def bookings(content: bytes) -> list[Booking]:
    (report,) = read_bank_file(content).reports
    assert report.iban == IBAN
    return list(report.bookings)


@pytest.mark.parametrize("version", [2, 4, 6, 8, 10, 13])
@pytest.mark.parametrize("make", [camt053, camt054])
def test_what_was_booked_is_read_from_every_version(make: type, version: int) -> None:
    first, second, third = bookings(make(PAID, BACK, version=version))
    assert (first.amount, first.credit) == (Amount(305, 2, "EUR"), False)
    assert (first.end_to_end, first.party, first.text) == ("run-7-bee", "Bee", "run-7-bee")
    assert first.booked_on == "2026-05-04"
    assert (second.amount, second.end_to_end) == (Amount(1, 2, "EUR"), "run-7-cat")
    assert (third.credit, third.returned, third.reason) == (True, True, "AC04")
    assert not first.returned


@pytest.mark.parametrize(
    "entry",
    [
        Entry("1.00", [Part("x", reason="AC04")]),
        Entry("1.00", [Part("x")], reversal=True),
        Entry("1.00", [Part("x")], code="RRTN"),
        Entry("1.00", [Part("x")], code="UPDD"),
    ],
)
def test_the_ways_in_which_banks_say_that_money_came_back(entry: Entry) -> None:
    assert bookings(camt053(entry))[0].returned


def test_what_is_not_booked_yet_is_counted_and_not_read() -> None:
    (report,) = read_bank_file(camt053(PAID, Entry("9.00", status="PDNG"))).reports
    assert (len(report.bookings), report.others) == (2, 1)


def test_what_an_entry_has_beyond_its_details_is_a_booking_of_its_own() -> None:
    found = bookings(camt053(Entry("-10.50", [Part("a", "4.00"), Part("b", "6.00")], ref="B")))
    assert [(each.amount.atomic(2), each.credit, each.end_to_end) for each in found] == [
        (400, False, "a"),
        (600, False, "b"),
        (50, False, ""),
    ]
    found = bookings(camt053(Entry("-9.50", [Part("a", "4.00"), Part("b", "6.00")], ref="B")))
    assert (found[2].amount.atomic(2), found[2].credit) == (50, True)


def test_details_may_go_the_other_way_than_their_entry() -> None:
    entry = Entry("-6.00", [Part("a", "10.00"), Part("b", "4.00", sign="CRDT")], ref="B")
    assert [(each.amount.atomic(2), each.credit) for each in bookings(camt053(entry))] == [
        (1000, False),
        (400, True),
    ]


def test_an_entry_whose_details_tell_no_amounts_is_one_booking() -> None:
    found = bookings(camt053(Entry("-3.06", [Part("a"), Part("b")], batch="run-7-pay")))
    assert [(each.amount.digits, each.end_to_end, each.batch) for each in found] == [
        (306, "", "run-7-pay")
    ]


@pytest.mark.threat("G7")
def test_a_booking_has_one_name_in_statements_and_notifications() -> None:
    for entry in (PAID, BACK, Entry("5.00", [Part("NOTPROVIDED", text="hello", party="A")])):
        told = [each.reference for each in bookings(camt054(entry, version=2))]
        assert told == [each.reference for each in bookings(camt053(entry, message="M-9"))]


@pytest.mark.threat("G7")
def test_what_is_alike_and_booked_twice_is_two() -> None:
    twin = Entry("5.00", [Part(text="hello")])
    named = Entry("5.00", [Part(text="hello")], ref="B-1")
    nameless = Entry("5.00", [Part(text="hello")], ref="NONREF")
    for pair in ((twin, twin), (named, named), (twin, named), (nameless, nameless)):
        first, second = bookings(camt053(*pair))
        assert first.reference != second.reference
    assert bookings(camt053(twin))[0].reference == bookings(camt053(nameless))[0].reference
    assert bookings(camt053(named))[0].reference != bookings(camt053(twin))[0].reference


@pytest.mark.parametrize("version", ["001.03", "001.10", "003.03", "001.14"])
def test_verdicts_are_read_from_the_whole_to_the_parts(version: str) -> None:
    content = pain002(
        "run-7-pay", "PART", [("run-7-pay", "ACTC", [("run-7-bee", "RJCT", "AC01")])], version
    )
    assert read_bank_file(content).verdicts == (
        Verdict(1, "run-7-pay", "", "", "PART"),
        Verdict(1, "run-7-pay", "run-7-pay", "", "ACTC"),
        Verdict(1, "run-7-pay", "run-7-pay", "run-7-bee", "RJCT", "AC01"),
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "line 1: is no XML: no element found"),
        (b"<a>", "line 1: is no XML: no element found"),
        (b"<a>\n\n</b>", "line 3: is no XML: mismatched tag"),
        (b"<a/>", "line 1: a: must be a Document of camt.053, camt.054 or pain.002"),
        (b'<Document xmlns="urn:x"/>', "must be a Document of camt.053"),
        (camt053(PAID).replace(b"Acct>", b"Akkt>"), "line 2: Stmt: must have Acct"),
        (camt053(PAID).replace(b"MsgId", b"Msg"), "line 2: BkToCstmrStmt: must have GrpHdr/MsgId"),
        (camt053(PAID).replace(b"3.06<", b"3,06<"), "Amt: must be a number such as 12.50"),
        (camt053(PAID).replace(b"3.06<", b"1e3<"), "Amt: must be a number such as 12.50"),
        (camt053(PAID).replace(b"3.06<", b"-3.06<"), "Amt: must be a number such as 12.50"),
        (camt053(PAID).replace(b'Ccy="EUR">3.06', b">3.06"), "Amt: must be a number"),
        (camt053(PAID).replace(b">DBIT<", b">OUT<"), "CdtDbtInd: must be CRDT or DBIT"),
        (camt053(PAID).replace(b"2026-05-04", b"2026-05-34"), "Ntry: must have BookgDt, a day"),
        (camt053(PAID, closing="96.95"), "Stmt: must have entries that add up to the difference"),
        (pain002("run-7-pay", "rjct"), "GrpSts: must be a code of four capitals"),
        (pain002("run-7-pay").replace(b"OrgnlMsgId", b"Msg"), "must have OrgnlMsgId"),
        (b"\xff\xfe<\x00", "line 1: is no XML"),
        (b'<?xml version="1.0" encoding="ebcdic-x"?><a/>', "line 1: is "),
    ],
)
@pytest.mark.threat("G7")
def test_a_file_that_can_not_be_used_is_refused_with_line_and_element(
    content: bytes, complaint: str
) -> None:
    with pytest.raises(BankFileError, match=complaint):
        read_bank_file(content)


_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))


@pytest.mark.threat("D14", "D15")
@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (f"<!DOCTYPE a [{_LAUGHS}]>\n<a>&l9;</a>".encode(), "line 1: DOCTYPE: must not be there"),
        (
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
            "DOCTYPE: must not be there",
        ),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a/>', "DOCTYPE: must not be there"),
        (b"<!DOCTYPE a [<!ENTITY % p SYSTEM 'x'> %p;]><a/>", "DOCTYPE: must not be there"),
        (b"<a>&undefined;</a>", "is no XML: undefined entity"),
        (b"<a>" * 60, "is nested deeper than 40"),
        (b"<a xmlns='x'>" + b"<b xmlns='y'>" * 60, "is nested deeper than 40"),
        (b" " * (xml.MAX_BYTES + 1), "must have at most 16777216 bytes"),
        (b"<a>" + b"<b/>" * (xml.MAX_NODES + 1) + b"</a>", "has more than 500000 elements"),
        (b"<a a='1' a='2'/>", "is no XML: duplicate attribute"),
        (b"<a>\x00</a>", "is no XML"),
        (b"<a>&#0;</a>", "is no XML"),
    ],
)
def test_hostile_xml_is_refused_before_it_costs_anything(content: bytes, complaint: str) -> None:
    with pytest.raises(BankFileError, match=complaint):
        read_bank_file(content)


def test_what_others_put_into_a_file_is_passed_over() -> None:
    foreign = b'<x:Ntry xmlns:x="urn:x"><Amt>1</Amt></x:Ntry><Stmt xmlns="urn:y"><Ntry/></Stmt>'
    content = camt053(BACK).replace(b"<Ntry>", foreign + b"<Ntry>", 1)
    assert len(bookings(content)) == 1


def test_text_becomes_one_line_of_characters() -> None:
    text = "a\n\t b\u200b\u202ec"
    found = bookings(camt053(Entry("1.00", [Part(text=text, party="x\u0085y")])))[0]
    assert found.text == "a b c"
    assert found.party == "x y"
    assert found.text.isprintable()


def test_a_page_of_a_statement_is_not_held_against_its_balances() -> None:
    content = camt053(PAID, closing="0.00").replace(
        b"<Acct>", b"<StmtPgntn><PgNb>2</PgNb><LastPgInd>true</LastPgInd></StmtPgntn><Acct>"
    )
    assert len(bookings(content)) == 2
