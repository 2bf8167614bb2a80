"""A bank's file from its bytes: which message it is, and what it says."""

import re

from gateway.settlement.bank import camt, pain002
from gateway.settlement.bank.messages import BankFile
from gateway.settlement.bank.xml import BankFileError, Node, read

_NAMESPACE = re.compile(
    r"urn:iso:std:iso:20022:tech:xsd:(camt\.05[34]\.001\.[0-9]{2}|pain\.002\.00[13]\.[0-9]{2})"
)


def read_bank_file(content: bytes) -> BankFile:
    """A camt.053, camt.054 or pain.002 of any version. Raises BankFileError, with the line."""
    namespace, root = read(content)
    match = _NAMESPACE.fullmatch(namespace)
    if match is None or root.tag != "Document":
        raise BankFileError(
            f"line {root.line}: {root.tag}: must be a Document of camt.053, camt.054 or pain.002, "
            f"is of the namespace {namespace[:100]!r}"
        )
    kind = match[1]
    if kind.startswith("pain.002"):
        body = root.need(pain002.BODY)
        return BankFile(kind, _id(body), verdicts=pain002.verdicts(body))
    tag, inner = camt.STATEMENTS if kind.startswith("camt.053") else camt.NOTIFICATIONS
    body = root.need(tag)
    return BankFile(kind, _id(body), camt.reports(body, inner))


def _id(body: Node) -> str:
    return body.need("GrpHdr/MsgId").text[:35]
