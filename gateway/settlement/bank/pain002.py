"""pain.002: what a bank says of the payments that it was given."""

import re
from collections.abc import Iterator

from gateway.settlement.bank.messages import Verdict
from gateway.settlement.bank.xml import Node

BODY = "CstmrPmtStsRpt"

_STATUS = re.compile("[A-Z]{4}")


def verdicts(body: Node) -> tuple[Verdict, ...]:
    """All that is said, from the whole to the parts. Raises BankFileError."""
    return tuple(_verdicts(body))


def _verdicts(body: Node) -> Iterator[Verdict]:
    group = body.need("OrgnlGrpInfAndSts")
    message = group.need("OrgnlMsgId").text
    if group.find("GrpSts") is not None:
        yield _verdict(group, "GrpSts", message, "", "")
    for part in body.all("OrgnlPmtInfAndSts"):
        name = part.need("OrgnlPmtInfId").text
        if part.find("PmtInfSts") is not None:
            yield _verdict(part, "PmtInfSts", message, name, "")
        for each in part.all("TxInfAndSts"):
            end_to_end = each.need("OrgnlEndToEndId").text
            yield _verdict(each, "TxSts", message, name, end_to_end)


def _verdict(node: Node, tag: str, message: str, part: str, end_to_end: str) -> Verdict:
    status = node.need(tag)
    if not _STATUS.fullmatch(status.text):
        raise status.error("must be a code of four capitals, such as RJCT")
    said = node.find("StsRsnInf")
    code = "" if said is None else said.get("Rsn/Cd", "Rsn/Prtry")
    text = "" if said is None else " ".join(each.text for each in said.all("AddtlInf"))
    return Verdict(node.line, message, part, end_to_end, status.text, f"{code} {text}".strip())
