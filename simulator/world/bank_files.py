"""A bank's side of ISO 20022: reading orders (pain.001, pain.008), writing what became of them
(pain.002) and what was booked (camt.053, camt.054).

Written from the standard and apart from the gateway's own readers and writers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from xml.etree import ElementTree
from xml.sax.saxutils import escape

_URN = "urn:iso:std:iso:20022:tech:xsd:"
_DAY = "2027-01-15"

Element = ElementTree.Element


class BankError(Exception):
    """A file that no bank would act on."""


@dataclass(frozen=True)
class Order:
    """A payment as a bank was asked for it; `amount` in cents, above zero to collect."""

    message: str
    part: str
    end_to_end: str
    amount: int
    iban: str
    mandate: str


@dataclass(frozen=True)
class Line:
    """Money on the operator's account, in cents: above zero it came in. `account` is whose it was;
    `returned` what the bank calls a return; `foreign` what is of no order."""

    amount: int
    account: str
    end_to_end: str
    text: str
    returned: bool = False
    foreign: bool = False


@dataclass(frozen=True)
class Entry:
    """What was booked at once: lines, or a whole `batch` of which the bank names no line."""

    number: int
    lines: tuple[Line, ...]
    batch: str = ""

    @property
    def amount(self) -> int:
        """In cents; above zero it came in."""
        return sum(line.amount for line in self.lines)


def read_orders(content: bytes, own_iban: str) -> list[Order]:
    """The payments in a pain.001 or pain.008. Raises BankError."""
    body = ElementTree.fromstring(content)[0]  # noqa: S314  (the gateway's own, not a stranger's)
    message = _text(body, "GrpHdr/MsgId")
    orders = [order for part in _all(body, "PmtInf") for order in _orders(part, message, own_iban)]
    _check_totals(_all(body, "GrpHdr")[0], orders)
    return orders


def _orders(part: Element, message: str, own_iban: str) -> list[Order]:
    collect = _text(part, "PmtMtd") == "DD"
    own, other = ("CdtrAcct", "DbtrAcct") if collect else ("DbtrAcct", "CdtrAcct")
    if _text(part, f"{own}/Id/IBAN") != own_iban:
        raise BankError(f"{message}: is of another account than {own_iban}")
    found = []
    for each in _all(part, "DrctDbtTxInf" if collect else "CdtTrfTxInf"):
        (money,) = _all(each, "InstdAmt" if collect else "Amt/InstdAmt")
        if money.get("Ccy") != "EUR":
            raise BankError(f"{message}: not in euro")
        cents = int(Decimal(money.text or "") * 100)
        found.append(
            Order(
                message,
                _text(part, "PmtInfId"),
                _text(each, "PmtId/EndToEndId"),
                cents if collect else -cents,
                _text(each, f"{other}/Id/IBAN"),
                _text(each, "DrctDbtTx/MndtRltdInf/MndtId") if collect else "",
            )
        )
    _check_totals(part, found)
    return found


def _check_totals(of: Element, orders: Sequence[Order]) -> None:
    total = sum(abs(order.amount) for order in orders)
    said = (int(_text(of, "NbOfTxs")), int(Decimal(_text(of, "CtrlSum")) * 100))
    if said != (len(orders), total):
        raise BankError(f"says {said}, holds {len(orders)} of {total} cents")


def _all(element: Element, path: str) -> list[Element]:
    return element.findall("/".join(f"{{*}}{tag}" for tag in path.split("/")))


def _text(element: Element, path: str) -> str:
    found = _all(element, path)
    if len(found) != 1 or not found[0].text:
        raise BankError(f"{path}: stands {len(found)} times")
    return found[0].text


def verdict(number: int, message: str, part: str, statuses: Sequence[tuple[str, str]]) -> bytes:
    """A pain.002 on a message. `statuses` are (end-to-end id, status); "" for the id is the whole
    part, and for `part` too, the whole message."""
    inside, group = "", ""
    for end_to_end, status in statuses:
        why = "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>" if status == "RJCT" else ""
        if end_to_end:
            name = f"<OrgnlEndToEndId>{end_to_end}</OrgnlEndToEndId>"
            inside += f"<TxInfAndSts>{name}<TxSts>{status}</TxSts>{why}</TxInfAndSts>"
        elif part:
            inside += f"<PmtInfSts>{status}</PmtInfSts>{why}"
        else:
            group = f"<GrpSts>{status}</GrpSts>{why}"
    named = f"<OrgnlPmtInfId>{part}</OrgnlPmtInfId>"
    about = f"<OrgnlPmtInfAndSts>{named}{inside}</OrgnlPmtInfAndSts>" if part else ""
    return (
        f'<Document xmlns="{_URN}pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>V-{number}</MsgId>'
        f"</GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>{message}</OrgnlMsgId>{group}"
        f"</OrgnlGrpInfAndSts>{about}</CstmrPmtStsRpt></Document>\n"
    ).encode()


def statement(number: int, iban: str, opening: int, entries: Sequence[Entry]) -> bytes:
    """A camt.053: these entries, after a balance of `opening` cents."""
    closing = opening + sum(entry.amount for entry in entries)
    inside = _balance("OPBD", opening) + _balance("CLBD", closing)
    inside += "".join(_entries(entries, named=True))
    return _report("camt.053.001.08", ("BkToCstmrStmt", "Stmt"), f"S-{number}", iban, inside)


def notification(number: int, iban: str, entries: Sequence[Entry], *, named: bool) -> bytes:
    """A camt.054 of these entries, with the bank's own references or without."""
    inside = "".join(_entries(entries, named=named))
    tags = ("BkToCstmrDbtCdtNtfctn", "Ntfctn")
    return _report("camt.054.001.08", tags, f"N-{number}", iban, inside)


def _report(kind: str, tags: tuple[str, str], message: str, iban: str, inside: str) -> bytes:
    outer, inner = tags
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{_URN}{kind}"><{outer}><GrpHdr>'
        f"<MsgId>{message}</MsgId></GrpHdr><{inner}><Id>1</Id><Acct><Id><IBAN>{iban}</IBAN></Id>"
        f"</Acct>{inside}</{inner}></{outer}></Document>\n"
    ).encode()


def _balance(kind: str, amount: int) -> str:
    return f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{_money(amount)}</Bal>"


def _money(amount: int) -> str:
    euro = f"{abs(amount) // 100}.{abs(amount) % 100:02}"
    sign = "DBIT" if amount < 0 else "CRDT"
    return f'<Amt Ccy="EUR">{euro}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'


def _entries(entries: Sequence[Entry], *, named: bool) -> Iterator[str]:
    for entry in entries:
        reference = f"<AcctSvcrRef>L{entry.number}</AcctSvcrRef>" if named else ""
        batch = f"<Btch><PmtInfId>{entry.batch}</PmtInfId></Btch>" if entry.batch else ""
        parts = "" if entry.batch else "".join(_part(line) for line in entry.lines)
        said = f"<AddtlNtryInf>{_batch_text(entry)}</AddtlNtryInf>" if entry.batch else ""
        yield (
            f"<Ntry>{_money(entry.amount)}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{_DAY}</Dt></BookgDt>"
            f"{reference}<NtryDtls>{batch}{parts}</NtryDtls>{said}</Ntry>"
        )


def _batch_text(entry: Entry) -> str:
    return f"batch /{entry.number}"


def _part(line: Line) -> str:
    back = "<RtrInf><Rsn><Cd>MD06</Cd></Rsn></RtrInf>" if line.returned else ""
    name = f"<EndToEndId>{line.end_to_end}</EndToEndId>" if line.end_to_end else ""
    return (
        f"<TxDtls><Refs>{name}</Refs>{_money(line.amount)}"
        f"<RmtInf><Ustrd>{escape(line.text)}</Ustrd></RmtInf>{back}</TxDtls>"
    )


def told(entry: Entry) -> list[tuple[int, str, str]]:
    """An entry's lines as files tell them: amount, end-to-end id and text."""
    if entry.batch:
        return [(entry.amount, "", _batch_text(entry))]
    return [(line.amount, line.end_to_end, line.text) for line in entry.lines]
