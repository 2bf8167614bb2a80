"""A statement as CSV for a spreadsheet: a row for each line, then the sums, positive where the
account owes. Amounts are plain decimals without grouping; no text of others is taken for a formula.
"""

import csv
import io

from gateway.documents.cells import decimal, safe_cell
from gateway.documents.statement import Paper, net, price_of, session_fee_of, sums, uses
from protocol.statements import PAYER, StatementLine

HEADER = (
    *("row", "run", "account", "channel", "side", "unit", "from_units", "to_units", "units"),
    *("price", "currency", "amount", "session_fee", "fee", "tariff", "first_iou", "last_iou"),
)


def statement_csv(paper: Paper) -> bytes:
    """The statement as CSV, in UTF-8."""
    out = io.StringIO()
    writer = csv.DictWriter(out, HEADER, restval="")
    writer.writeheader()
    said = paper.statement
    common = {"run": said.run, "account": safe_cell(said.account), "currency": said.currency}
    for line in paper.lines:
        writer.writerow(common | {"row": "line"} | _line(paper, line))
    for what, amount in [*sums(said), ("Net", net(said)), *uses(said)]:
        writer.writerow(common | {"row": what, "amount": decimal(amount, said.scale)})
    return out.getvalue().encode()


def _line(paper: Paper, line: StatementLine) -> dict[str, str | int]:
    tariff = paper.tariffs[line.tariff]
    scale = paper.statement.scale
    sign = 1 if line.role == PAYER else -1
    session_fee = session_fee_of(line, tariff)
    return {
        "channel": line.channel.hex(),
        "side": "pays" if line.role == PAYER else "is paid",
        "unit": safe_cell(tariff.unit),
        "from_units": line.from_units,
        "to_units": line.to_units,
        "units": line.to_units - line.from_units,
        "price": safe_cell(price_of(tariff)),
        "amount": decimal(sign * (line.to_amount - line.from_amount), scale),
        "session_fee": decimal(sign * session_fee, scale) if session_fee else "",
        "fee": decimal(line.fee, scale) if line.fee else "",
        "tariff": line.tariff.hex(),
        "first_iou": line.first.hex(),
        "last_iou": line.last.hex(),
    }
