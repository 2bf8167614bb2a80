"""The files that a bank is given: pain.001.001.09 (credit transfers), pain.008.001.08 (direct
debits), as the SEPA rulebooks use them.

Pure functions from values to bytes: the same instructions make the same file. Before a file is let
out it is held against the schema of ISO 20022.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from xml.etree import ElementTree

from lxml import etree

from gateway.settlement.rails import Instruction, RailError
from gateway.settlement.rails.sepa import days
from gateway.settlement.rails.sepa.names import part_name

TRANSFERS = "pain.001.001.09"
DEBITS = "pain.008.001.08"
CENTS = 2
MOST = 99_999_999_999
"""The most that SEPA moves at once, in cents."""

Element = ElementTree.Element


@dataclass(frozen=True, slots=True)
class Operator:
    """The gateway's operator at its bank, as `parties` checked it; `collect_after` is how many open
    days after a run direct debits fall due."""

    name: str
    iban: str
    bic: str
    creditor_id: str
    collect_after: int


def cents(each: Instruction) -> int:
    """An instruction's amount in cents. Raises RailError if it is no whole number of them, or more
    than SEPA moves at once."""
    atomic: int = 10**each.scale
    amount, rest = divmod(each.amount * 10**CENTS, atomic)
    if rest or not 0 < amount <= MOST:
        raise RailError(
            f"sepa: {each.id}: must be a whole number of cents, 0.01 to 999999999.99, "
            f"not {each.amount} / 10^{each.scale}"
        )
    return int(amount)


def decimal(amount: int) -> str:
    """Cents as euro."""
    return f"{amount // 100}.{amount % 100:02}"


def transfers(operator: Operator, message: str, batch: Sequence[Instruction]) -> bytes:
    """A file of credit transfers, by reference. `message` is its MsgId and PmtInfId."""
    at = batch[0].at
    day = days.settled_after(days.day_of(at), 0).isoformat()
    part = _part(
        operator,
        message,
        batch,
        ("TRF", _node("PmtTpInf", _node("SvcLvl", _node("Cd", "SEPA")))),
        _node("ReqdExctnDt", _node("Dt", day)),
        ("Dbtr", "DbtrAcct", "DbtrAgt"),
    )
    part.extend(_transfer(each) for each in sorted(batch, key=_reference))
    return _document(TRANSFERS, "CstmrCdtTrfInitn", _header(operator, message, batch), part)


def debits(operator: Operator, message: str, batch: Sequence[Instruction]) -> bytes:
    """A file of direct debits: one part for each sequence type, whose PmtInfId ends with it."""
    day = days.settled_after(days.day_of(batch[0].at), operator.collect_after).isoformat()
    parts = []
    for sequence in sorted({each.destination["sequence"] for each in batch}):
        members = [each for each in batch if each.destination["sequence"] == sequence]
        kind = _node(
            "PmtTpInf",
            _node("SvcLvl", _node("Cd", "SEPA")),
            _node("LclInstrm", _node("Cd", "CORE")),
            _node("SeqTp", sequence),
        )
        part = _part(
            operator,
            part_name(message, sequence),
            members,
            ("DD", kind),
            _node("ReqdColltnDt", day),
            ("Cdtr", "CdtrAcct", "CdtrAgt"),
        )
        part.append(_scheme(operator.creditor_id))
        part.extend(_debit(each) for each in sorted(members, key=_reference))
        parts.append(part)
    return _document(DEBITS, "CstmrDrctDbtInitn", _header(operator, message, batch), *parts)


def _reference(each: Instruction) -> str:
    return each.reference


def _header(operator: Operator, message: str, batch: Sequence[Instruction]) -> Element:
    made = datetime.fromtimestamp(batch[0].at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _node(
        "GrpHdr",
        _node("MsgId", message),
        _node("CreDtTm", made),
        *_totals(batch),
        _node("InitgPty", _node("Nm", operator.name)),
    )


def _totals(batch: Sequence[Instruction]) -> tuple[Element, Element]:
    return (
        _node("NbOfTxs", str(len(batch))),
        _node("CtrlSum", decimal(sum(cents(each) for each in batch))),
    )


def _part(
    operator: Operator,
    name: str,
    batch: Sequence[Instruction],
    kind: tuple[str, Element],
    day: Element,
    tags: tuple[str, str, str],
) -> Element:
    method, type_ = kind
    party, account, agent = tags
    return _node(
        "PmtInf",
        _node("PmtInfId", name),
        _node("PmtMtd", method),
        _node("BtchBookg", "true"),
        *_totals(batch),
        type_,
        day,
        _node(party, _node("Nm", operator.name)),
        _node(account, _node("Id", _node("IBAN", operator.iban))),
        _agent(agent, operator.bic),
        _node("ChrgBr", "SLEV"),
    )


def _transfer(each: Instruction) -> Element:
    to = each.destination
    return _node(
        "CdtTrfTxInf",
        _node("PmtId", _node("EndToEndId", each.reference)),
        _node("Amt", _node("InstdAmt", decimal(cents(each)), Ccy="EUR")),
        *((_agent("CdtrAgt", to["bic"]),) if "bic" in to else ()),
        _node("Cdtr", _node("Nm", _name(each))),
        _node("CdtrAcct", _node("Id", _node("IBAN", to["iban"]))),
        _node("RmtInf", _node("Ustrd", each.reference)),
    )


def _debit(each: Instruction) -> Element:
    of = each.destination
    mandate = _node(
        "MndtRltdInf", _node("MndtId", of["mandate"]), _node("DtOfSgntr", of["mandate_date"])
    )
    return _node(
        "DrctDbtTxInf",
        _node("PmtId", _node("EndToEndId", each.reference)),
        _node("InstdAmt", decimal(cents(each)), Ccy="EUR"),
        _node("DrctDbtTx", mandate),
        _agent("DbtrAgt", of.get("bic", "")),
        _node("Dbtr", _node("Nm", _name(each))),
        _node("DbtrAcct", _node("Id", _node("IBAN", of["iban"]))),
        _node("RmtInf", _node("Ustrd", each.reference)),
    )


def _name(each: Instruction) -> str:
    return each.destination.get("name_at_bank", each.destination["name"])


def _agent(tag: str, bic: str) -> Element:
    if bic:
        return _node(tag, _node("FinInstnId", _node("BICFI", bic)))
    return _node(tag, _node("FinInstnId", _node("Othr", _node("Id", "NOTPROVIDED"))))


def _scheme(creditor_id: str) -> Element:
    other = _node("Othr", _node("Id", creditor_id), _node("SchmeNm", _node("Prtry", "SEPA")))
    return _node("CdtrSchmeId", _node("Id", _node("PrvtId", other)))


def _node(tag: str, *inside: "Element | str", **attributes: str) -> Element:
    made = ElementTree.Element(tag, attributes)
    for each in inside:
        if isinstance(each, str):
            made.text = each
        else:
            made.append(each)
    return made


def _document(schema: str, tag: str, *inside: Element) -> bytes:
    root = _node("Document", _node(tag, *inside), xmlns=f"urn:iso:std:iso:20022:tech:xsd:{schema}")
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    made = text + b"\n"
    check(schema, made)
    return made


def totals(content: bytes) -> tuple[str, str]:
    """The number of movements and the control sum that a file of ours begins with."""
    head = content.decode()
    counted = re.search("<NbOfTxs>([0-9]+)</NbOfTxs>", head)
    summed = re.search("<CtrlSum>([0-9.]+)</CtrlSum>", head)
    if counted is None or summed is None:
        raise RailError("sepa: a file for the bank has been changed: it tells no totals")
    return counted[1], summed[1]


def check(schema: str, content: bytes) -> None:
    """Raise RailError, with the line, unless a file of ours is as its schema asks."""
    found = _schema(schema)
    # It is the file that was made a moment ago, and holds no entity to resolve.
    if not found.validate(etree.fromstring(content, etree.XMLParser(resolve_entities=False))):
        first = found.error_log[0]
        raise RailError(f"sepa: the file does not fit {schema}: line {first.line}: {first.message}")


@cache
def _schema(name: str) -> etree.XMLSchema:
    text = (resources.files("sepaxml") / "schemas" / f"{name}.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(text))
