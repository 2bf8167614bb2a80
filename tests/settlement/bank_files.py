"""Files as banks write them, of several versions, for tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from xml.sax.saxutils import escape

IBAN = "DE89370400440532013000"
_NS = "urn:iso:std:iso:20022:tech:xsd:"


@dataclass(frozen=True)
class Part:
    """A TxDtls; `amount` in euro, "" if the bank does not say."""

    end_to_end: str = ""
    amount: str = ""
    reason: str = ""
    text: str = ""
    party: str = ""
    ref: str = ""
    sign: str = ""


@dataclass(frozen=True)
class Entry:
    """An Ntry: `amount` in euro, above zero if it came in."""

    amount: str
    parts: Sequence[Part] = ()
    ref: str = ""
    batch: str = ""
    status: str = "BOOK"
    reversal: bool = False
    code: str = ""
    currency: str = "EUR"
    day: str = "2026-05-04"

    @property
    def sign(self) -> str:
        return "DBIT" if self.amount.startswith("-") else "CRDT"


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else ""


def _part(part: Part, entry: Entry, version: int) -> str:
    sign = part.sign or entry.sign
    side = "Dbtr" if sign == "CRDT" else "Cdtr"
    name = _tag("Nm", part.party)
    party = f"<{side}>{name if version < 8 else f'<Pty>{name}</Pty>'}</{side}>" if name else ""
    amount = ""
    if part.amount:
        money = f'<Amt Ccy="{entry.currency}">{part.amount}</Amt>'
        amount = money if version >= 8 else f"<AmtDtls><TxAmt>{money}</TxAmt></AmtDtls>"
    reason = f"<RtrInf><Rsn><Cd>{part.reason}</Cd></Rsn></RtrInf>" if part.reason else ""
    refs = _tag("AcctSvcrRef", part.ref) + _tag("EndToEndId", part.end_to_end)
    return (
        f"<TxDtls><Refs>{refs}</Refs>{amount}{_tag('CdtDbtInd', part.sign)}"
        f"<RltdPties>{party}</RltdPties>"
        f"<RmtInf>{_tag('Ustrd', part.text)}</RmtInf>{reason}</TxDtls>"
    )


def _entry(entry: Entry, version: int) -> str:
    status = entry.status if version < 8 else f"<Cd>{entry.status}</Cd>"
    batch = f"<Btch>{_tag('PmtInfId', entry.batch)}</Btch>" if entry.batch else ""
    code = f"<BkTxCd><Domn><Fmly><SubFmlyCd>{entry.code}</SubFmlyCd></Fmly></Domn></BkTxCd>"
    parts = "".join(_part(part, entry, version) for part in entry.parts)
    return (
        f'<Ntry><Amt Ccy="{entry.currency}">{entry.amount.lstrip("-")}</Amt>'
        f"<CdtDbtInd>{entry.sign}</CdtDbtInd>"
        f"{'<RvslInd>true</RvslInd>' if entry.reversal else ''}<Sts>{status}</Sts>"
        f"<BookgDt><Dt>{entry.day}</Dt></BookgDt>{_tag('AcctSvcrRef', entry.ref)}"
        f"{code if entry.code else ''}<NtryDtls>{batch}{parts}</NtryDtls></Ntry>"
    )


def _balance(kind: str, amount: Decimal) -> str:
    sign = "DBIT" if amount < 0 else "CRDT"
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="EUR">{abs(amount)}</Amt><CdtDbtInd>{sign}</CdtDbtInd></Bal>'
    )


def camt053(
    *entries: Entry,
    version: int = 8,
    iban: str = IBAN,
    message: str = "M-1",
    opening: str = "100.00",
    closing: str | None = None,
) -> bytes:
    """A statement of one account."""
    end = Decimal(opening) + sum(
        (Decimal(each.amount) for each in entries if each.status == "BOOK"), Decimal(0)
    )
    ends = _balance("OPBD", Decimal(opening))
    ends += _balance("CLBD", end if closing is None else Decimal(closing))
    return _account("camt.053", version, "BkToCstmrStmt", "Stmt", iban, message, ends, entries)


def camt054(*entries: Entry, version: int = 8, iban: str = IBAN, message: str = "N-1") -> bytes:
    """A notification for one account."""
    tags = ("BkToCstmrDbtCdtNtfctn", "Ntfctn")
    return _account("camt.054", version, *tags, iban, message, "", entries)


def _account(
    kind: str,
    version: int,
    body: str,
    tag: str,
    iban: str,
    message: str,
    balances: str,
    entries: Sequence[Entry],
) -> bytes:
    inside = "".join(_entry(each, version) for each in entries)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{_NS}{kind}.001.{version:02}">'
        f"<{body}><GrpHdr><MsgId>{message}</MsgId></GrpHdr><{tag}><Id>1</Id>"
        f"<Acct><Id><IBAN>{iban}</IBAN></Id></Acct>{balances}{inside}</{tag}></{body}></Document>"
    ).encode()


def pain002(
    message: str,
    group: str = "",
    parts: Sequence[tuple[str, str, Sequence[tuple[str, str, str]]]] = (),
    version: str = "001.10",
    id_: str = "P-1",
) -> bytes:
    """A report on a message: `parts` are (PmtInfId, status, payments), payments (EndToEndId,
    status, reason)."""

    def payment(name: str, status: str, reason: str) -> str:
        why = f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" if reason else ""
        return (
            f"<TxInfAndSts>{_tag('OrgnlEndToEndId', name)}{_tag('TxSts', status)}{why}"
            "</TxInfAndSts>"
        )

    inside = "".join(
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{name}</OrgnlPmtInfId>{_tag('PmtInfSts', status)}"
        + "".join(payment(*each) for each in payments)
        + "</OrgnlPmtInfAndSts>"
        for name, status, payments in parts
    )
    return (
        f'<Document xmlns="{_NS}pain.002.{version}"><CstmrPmtStsRpt>'
        f"<GrpHdr><MsgId>{id_}</MsgId></GrpHdr><OrgnlGrpInfAndSts>"
        f"<OrgnlMsgId>{message}</OrgnlMsgId>{_tag('GrpSts', group)}</OrgnlGrpInfAndSts>"
        f"{inside}</CstmrPmtStsRpt></Document>"
    ).encode()
