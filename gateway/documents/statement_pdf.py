"""A statement as PDF, A4: the sums first, then each channel's interval, and how to check it all.

Drawn on a canvas, line by line, so that the same statement gives the same bytes and a long one
takes little memory. Needs the extra `documents`.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import font_source_sans_pro
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from gateway.documents.amounts import amount_of, count_of, digits_of, time_of
from gateway.documents.statement import Paper, net, price_of, session_fee_of, sums, uses
from protocol.statements import PAYER, StatementLine

MOST_LINES = 5_000
"""Lines that are set; a statement that has more refers to its CSV for the rest."""

_WIDTH, _HEIGHT = A4
_LEFT, _RIGHT = 22 * mm, _WIDTH - 22 * mm
_TOP, _BOTTOM = _HEIGHT - 24 * mm, 26 * mm
_LEADING = 5.4 * mm
_INK, _GREY, _RULE = (0.10, 0.11, 0.13), (0.42, 0.44, 0.47), (0.80, 0.81, 0.83)
_REGULAR, _STRONG = "SourceSansPro", "SourceSansPro-Semibold"
_COMMAND = "tallystick verify statement.cbor --lines statement.cbor.lines{proof} --key KEY"
_MISSING = "?"


@dataclass
class _Page:
    """Where the pen is: on the canvas, so far down."""

    canvas: Canvas
    paper: Paper
    pages: int
    y: float = _TOP

    def text(
        self,
        x: float,
        text: str,
        size: float = 9.5,
        *,
        font: str = _REGULAR,
        colour: tuple[float, float, float] = _INK,
        right: bool = False,
        within: float = _RIGHT - _LEFT,
    ) -> None:
        """Set a line of text at the pen's height, beginning or (`right`) ending at `x`, and
        smaller where it would be wider than `within`."""
        shown = _shown(text, font)
        wide = pdfmetrics.stringWidth(shown, font, size)
        self.canvas.setFont(font, size * min(1, within / max(wide, 1)))
        self.canvas.setFillColorRGB(*colour)
        (self.canvas.drawRightString if right else self.canvas.drawString)(x, self.y, shown)

    def rule(self, left: float = _LEFT, below: float = 1.7 * mm) -> None:
        """A hairline to the right edge, so far below the pen."""
        self.canvas.setStrokeColorRGB(*_RULE)
        self.canvas.setLineWidth(0.5)
        self.canvas.line(left, self.y - below, _RIGHT, self.y - below)

    def down(self, by: float = _LEADING) -> None:
        """Move the pen."""
        self.y -= by

    def end(self) -> None:
        """Write the page's foot and turn it over."""
        said, number = self.paper.statement, self.canvas.getPageNumber()
        self.y = 14 * mm
        self.text(_LEFT, f"Run {said.run}, account {said.account}", 8, colour=_GREY)
        self.text(_RIGHT, f"{number} / {self.pages}", 8, colour=_GREY, right=True)
        self.canvas.showPage()
        self.y = _TOP


def statement_pdf(paper: Paper) -> bytes:
    """The statement as PDF."""
    _register_fonts()
    pages, _first = _drawn(paper, 0)
    return _drawn(paper, pages)[1]


def _register_fonts() -> None:
    folder = Path(font_source_sans_pro.font_directory)
    for name in (_REGULAR, _STRONG):
        file = "SourceSansPro-Regular.ttf" if name == _REGULAR else f"{name}.ttf"
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(folder / file)))


def _shown(text: str, font: str) -> str:
    """`text` with a question mark for each character that the font lacks: none is lost unseen."""
    has = pdfmetrics.getFont(font).face.charToGlyph
    return "".join(each if ord(each) in has else _MISSING for each in text)


def _drawn(paper: Paper, pages: int) -> tuple[int, bytes]:
    """The number of pages, and the file. `pages` is that number as it stands in their feet."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1, lang="en")
    said = paper.statement
    canvas.setTitle(f"Statement of run {said.run} for {said.account}")
    canvas.setSubject(f"{time_of(said.period_start)} to {time_of(said.period_end)}")
    canvas.setAuthor("Tallystick")
    canvas.setCreator("Tallystick")
    page = _Page(canvas, paper, pages)
    shown = list(paper.lines[:MOST_LINES])
    digits = _digits(paper, shown)
    _heading(page)
    _sums(page, digits)
    _lines(page, shown, digits)
    _how_to_check(page)
    page.end()
    canvas.save()
    return canvas.getPageNumber() - 1, out.getvalue()


def _digits(paper: Paper, lines: Sequence[StatementLine]) -> int:
    """The decimals of every amount on the paper: one number, so that they stand in line."""
    said = paper.statement
    amounts = [amount for _what, amount in [*sums(said), *uses(said)]]
    amounts += [line.to_amount - line.from_amount for line in lines]
    amounts += [line.fee for line in lines]
    return max(digits_of(amount, said.currency, said.scale) for amount in amounts)


def _heading(page: _Page) -> None:
    paper, said = page.paper, page.paper.statement
    page.text(_LEFT, "Statement", 24, font=_STRONG)
    page.text(_RIGHT, f"Run {said.run}", 11, colour=_GREY, right=True)
    page.down(12 * mm)
    page.text(_LEFT, paper.account_name, 12.5, font=_STRONG, within=112 * mm)
    page.text(_RIGHT, f"{time_of(said.period_start)}", colour=_GREY, right=True)
    page.down()
    page.text(_LEFT, f"Account {said.account}", colour=_GREY)
    page.text(_RIGHT, f"to {time_of(said.period_end)}", colour=_GREY, right=True)
    page.down(11 * mm)


def _sums(page: _Page, digits: int) -> None:
    said = page.paper.statement
    left = _LEFT + 76 * mm

    def row(what: str, amount: int, font: str = _REGULAR) -> None:
        page.text(left, what, font=font)
        shown = f"{amount_of(amount, said.scale, digits)} {said.currency}"
        page.text(_RIGHT, shown, font=font, right=True)
        page.down()

    for what, amount in sums(said):
        if amount or what == "Used":
            row(what, amount)
    page.y += _LEADING
    page.rule(left)
    page.down(_LEADING + 1.2 * mm)
    owed = net(said)
    row(
        "You owe" if owed > 0 else "You are owed" if owed < 0 else "Nothing is owed",
        abs(owed),
        _STRONG,
    )
    for what, amount in uses(said):
        if amount:
            row(what, amount)
    page.down(8 * mm)


_COLUMNS = (
    ("CHANNEL", _LEFT, False, 30 * mm),
    ("UNITS", _LEFT + 66 * mm, True, 34 * mm),
    ("PRICE", _LEFT + 105 * mm, True, 37 * mm),
    ("FEE", _LEFT + 131 * mm, True, 24 * mm),
    ("AMOUNT", _RIGHT, True, 33 * mm),
)
"""Heading, where it begins or (true) ends, and its width."""


def _lines(page: _Page, lines: Sequence[StatementLine], digits: int) -> None:
    if lines:
        _column_heads(page)
    for line in lines:
        if page.y < _BOTTOM:
            page.end()
            _column_heads(page)
        _line(page, line, digits)
    left_out = len(page.paper.lines) - len(lines)
    if left_out:
        page.text(
            _LEFT, f"and {count_of(left_out)} more, all of which are in the CSV.", colour=_GREY
        )
        page.down()
    page.down(6 * mm)


def _column_heads(page: _Page) -> None:
    for name, x, right, _within in _COLUMNS:
        page.text(x, name, 7.5, colour=_GREY, right=right)
    page.rule()
    page.down(_LEADING + 1.2 * mm)


def _line(page: _Page, line: StatementLine, digits: int) -> None:
    said = page.paper.statement
    tariff = page.paper.tariffs[line.tariff]
    sign = 1 if line.role == PAYER else -1
    fee = amount_of(line.fee, said.scale, digits) if line.fee else ""
    cells = (
        line.channel.hex()[:16],
        f"{count_of(line.to_units - line.from_units)} {tariff.unit}",
        f"{price_of(tariff)} / {tariff.unit}",
        fee,
        amount_of(sign * (line.to_amount - line.from_amount), said.scale, digits),
    )
    for (_name, x, right, within), cell in zip(_COLUMNS, cells, strict=True):
        page.text(x, cell, 9, right=right, within=within)
    page.down()
    session_fee = session_fee_of(line, tariff)
    if session_fee:
        _name, x, right, _within = _COLUMNS[2]
        shown = amount_of(session_fee, said.scale, digits)
        page.text(x, f"and session fee {shown} {said.currency}", 9, colour=_GREY, right=right)
        page.down()


def _how_to_check(page: _Page) -> None:
    paper, said = page.paper, page.paper.statement
    facts = [
        ("Gateway's key", paper.gateway_key.hex()),
        ("Signed statement", f"SHA-256 {sha256(paper.message).hexdigest()}"),
        ("Root of its lines", f"{said.lines_root.hex()}, {count_of(said.line_count)} lines"),
        ("Journal", said.journal_head.hex()),
    ]
    if paper.run_root is not None:
        facts.insert(3, ("Root of the run", paper.run_root.hex()))
    if page.y < _BOTTOM + (len(facts) + 5) * _LEADING:
        page.end()
    page.text(_LEFT, "How to check this", 10.5, font=_STRONG)
    page.down()
    for text in (
        "This paper shows what the gateway has signed. The signed statement and its lines are files"
        " that come with it;",
        "anybody can check them, without this gateway and without its word for it:",
    ):
        page.text(_LEFT, text, 9)
        page.down(4.6 * mm)
    page.down(1.2 * mm)
    proof = "" if paper.run_root is None else " --proof statement.cbor.proof"
    page.text(_LEFT, _COMMAND.format(proof=proof), 9, font=_STRONG)
    page.down(6.4 * mm)
    for what, value in facts:
        page.text(_LEFT, what, 8, colour=_GREY)
        page.text(_LEFT + 30 * mm, value, 8)
        page.down(4.2 * mm)
