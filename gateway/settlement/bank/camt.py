"""camt.053 (statements of an account) and camt.054 (notifications of bookings), of any version.

The versions differ in where some things stand; each is looked for in all its places. Money is taken
from the entry, which is what was booked; what its details add up to is compared with it.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import date

from gateway.settlement.bank.messages import Amount, Booking, Report
from gateway.settlement.bank.xml import Node

STATEMENTS = ("BkToCstmrStmt", "Stmt")
NOTIFICATIONS = ("BkToCstmrDbtCdtNtfctn", "Ntfctn")

_NUMBER = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,5}))?")
_CURRENCY = re.compile("[A-Z]{3}")
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T.*|Z|[+-].*)?")
_NAMELESS = {"", "NONREF", "NOTPROVIDED", "NOT PROVIDED", "NOTAVAILABLE"}
"""What banks write where they have no reference."""
_CAME_BACK = {"RRTN", "UPDD", "PRDD", "RPCR", "UPCT"}
"""Sub-families of bank transaction codes (ISO 20022 external code set) of payments that came
back."""


def reports(body: Node, tag: str) -> tuple[Report, ...]:
    """What each account of a file saw. Raises BankFileError."""
    return tuple(_report(each) for each in body.all(tag))


def _report(node: Node) -> Report:
    account = node.need("Acct")
    iban = account.need("Id/IBAN").text.replace(" ", "").upper()
    seen: dict[str, int] = {}
    bookings: list[Booking] = []
    others = 0
    for entry in node.all("Ntry"):
        if entry.get("Sts/Cd", "Sts") == "BOOK":
            bookings += _entry(entry, iban, seen)
        else:
            others += 1
    _compare(node, bookings)
    return Report(node.line, iban, tuple(bookings), others)


def _compare(node: Node, bookings: list[Booking]) -> None:
    """Hold what was booked against the balances, where a statement has an opening and a closing
    one. Raises BankFileError."""
    ends: dict[str, int] = {}
    for each in node.all("Bal"):
        kind = each.get("Tp/CdOrPrtry/Cd")
        if kind in ("OPBD", "PRCD", "CLBD"):
            ends.setdefault("CLBD" if kind == "CLBD" else "OPBD", _signed(each, each))
    pages = node.find("StmtPgntn")
    whole = pages is None or (pages.get("PgNb"), pages.get("LastPgInd")) in (
        ("1", "true"),
        ("1", "1"),
    )
    if len(ends) != 2 or not whole:
        return
    scale = 5
    moved = ends["CLBD"] - ends["OPBD"]
    booked = sum((1 if each.credit else -1) * (each.amount.atomic(scale) or 0) for each in bookings)
    if booked != moved:
        raise node.error(
            f"must have entries that add up to the difference of its balances, {_shown(moved)}; "
            f"they add up to {_shown(booked)}"
        )


def _shown(amount: int) -> str:
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 10**5}.{abs(amount) % 10**5:05}"


def _signed(node: Node, at: Node) -> int:
    amount = _amount(node.need("Amt")).atomic(5) or 0
    return amount if _is_credit(at) else -amount


def _amount(node: Node) -> Amount:
    match = _NUMBER.fullmatch(node.text)
    currency = node.attributes.get("Ccy", "")
    if match is None or not _CURRENCY.fullmatch(currency):
        raise node.error("must be a number such as 12.50, with Ccy a code such as EUR")
    part = match[2] or ""
    return Amount(int(match[1] + part), len(part), currency)


def _is_credit(node: Node) -> bool:
    sign = node.need("CdtDbtInd")
    if sign.text not in ("CRDT", "DBIT"):
        raise sign.error("must be CRDT or DBIT")
    return sign.text == "CRDT"


def _day(entry: Node) -> str:
    text = entry.get("BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm")
    match = _DAY.fullmatch(text)
    try:
        return date.fromisoformat(match[1] if match else "").isoformat()
    except ValueError:
        raise entry.error("must have BookgDt, a day such as 2026-05-01") from None


def _entry(entry: Node, iban: str, seen: dict[str, int]) -> Iterator[Booking]:
    """An entry's bookings: one for each of its details, or one for the whole."""
    total = _amount(entry.need("Amt"))
    details = list(entry.all("NtryDtls/TxDtls"))
    if len(details) <= 1:
        yield _booking(entry, details[0] if details else None, total, iban, seen, 0)
        return
    amounts = [each.find("Amt") or each.find("AmtDtls/TxAmt/Amt") for each in details]
    if any(each is None for each in amounts):
        yield _booking(entry, None, total, iban, seen, 0)
        return
    rest = total.atomic(5) or 0
    sign = _is_credit(entry)
    for number, (each, node) in enumerate(zip(details, amounts, strict=True)):
        if node is None:
            continue
        amount = _amount(node)
        if amount.currency != total.currency:
            raise node.error(f"must be in {total.currency}, as its entry is")
        same = each.find("CdtDbtInd") is None or _is_credit(each) == sign
        rest -= (1 if same else -1) * (amount.atomic(5) or 0)
        yield _booking(entry, each, amount, iban, seen, number)
    if rest:
        # Charges and the like: in the entry, and in none of its details.
        amount = Amount(abs(rest), 5, total.currency)
        yield _booking(entry, None, amount, iban, seen, len(details), opposite=rest < 0)


def _booking(
    entry: Node,
    details: Node | None,
    amount: Amount,
    iban: str,
    seen: dict[str, int],
    number: int,
    *,
    opposite: bool = False,
) -> Booking:
    part = details or Node("TxDtls", entry.line, {})
    own = details is not None and details.find("CdtDbtInd") is not None
    credit = _is_credit(details if own and details is not None else entry) != opposite
    side = "Dbtr" if credit else "Cdtr"
    code = "BkTxCd/Domn/Fmly/SubFmlyCd"
    back = (
        entry.get("RvslInd") in ("true", "1")
        or part.find("RtrInf") is not None
        or {entry.get(code), part.get(code)} & _CAME_BACK != set()
    )
    end_to_end = part.get("Refs/EndToEndId")
    texts = [each.text for each in part.all("RmtInf/Ustrd")]
    return Booking(
        line=part.line,
        amount=amount,
        credit=credit,
        booked_on=_day(entry),
        reference=_reference(entry, part, amount, credit, iban, seen, number),
        end_to_end="" if end_to_end in _NAMELESS else end_to_end,
        batch=part.get("Refs/PmtInfId") or entry.get("NtryDtls/Btch/PmtInfId"),
        returned=back,
        reason=part.get("RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry", "RtrInf/AddtlInf"),
        party=part.get(f"RltdPties/{side}/Pty/Nm", f"RltdPties/{side}/Nm"),
        party_iban=part.get(f"RltdPties/{side}Acct/Id/IBAN"),
        text=" ".join(texts)
        or part.get("RmtInf/Strd/CdtrRefInf/Ref", "AddtlTxInf")
        or entry.get("AddtlNtryInf"),
    )


def _reference(
    entry: Node,
    part: Node,
    amount: Amount,
    credit: bool,
    iban: str,
    seen: dict[str, int],
    number: int,
) -> str:
    """What a booking is known by, 64 hex digits: the bank's own name for it, or else all that is
    said of it and which of several alike it is. The same in a statement and in a notification."""
    money = f"{amount.atomic(5)} {amount.currency} {'CRDT' if credit else 'DBIT'}"
    of_part, of_entry = part.get("Refs/AcctSvcrRef"), entry.get("AcctSvcrRef")
    if of_part.upper() not in _NAMELESS:
        parts = [iban, money, "part", of_part]
    elif of_entry.upper() not in _NAMELESS:
        parts = [iban, money, "entry", of_entry, str(number)]
    else:
        said = (
            "Refs/EndToEndId",
            "Refs/TxId",
            "Refs/MndtId",
            "RmtInf/Ustrd",
            "RmtInf/Strd/CdtrRefInf/Ref",
            "RltdPties/DbtrAcct/Id/IBAN",
            "RltdPties/CdtrAcct/Id/IBAN",
        )
        parts = [iban, money, "said", _day(entry), str(number), *(part.get(each) for each in said)]
    alike = "\n".join(parts)
    seen[alike] = seen.get(alike, 0) + 1
    return hashlib.sha256(f"{alike}\n{seen[alike]}".encode()).hexdigest()
