"""Who pays and is paid by SEPA: IBANs, BICs, names, creditor identifiers and mandates, checked.

Errors are DestinationError, which name the field and say what would be right.
"""

import re
import warnings
from collections.abc import Mapping
from datetime import date

from schwifty import BIC, IBAN
from schwifty.exceptions import NationalChecksumNotVerified, SchwiftyException

from gateway.settlement.rails import DestinationError
from gateway.settlement.rails.sepa import words

FRST = "FRST"
RCUR = "RCUR"

_MANDATE = ("mandate", "mandate_date", "sequence")
_FIELDS = ("name", "name_at_bank", "iban", "bic", *_MANDATE)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def check_iban(field: str, text: str) -> str:
    """An IBAN of a country of the SEPA zone, without spaces: its length, structure and check digits
    and, where a country has them, the national ones. Raises DestinationError."""
    compact = re.sub(r"[ \u00a0]", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}", compact):
        raise DestinationError(field, "must be an IBAN, such as DE89 3704 0044 0532 0130 00")
    try:
        with warnings.catch_warnings():
            # Of some countries nobody has written down how their own digits are checked.
            warnings.simplefilter("ignore", NationalChecksumNotVerified)
            inside = IBAN(compact, validate_bban=True).in_sepa_zone
    except SchwiftyException as error:
        raise DestinationError(field, f"is no valid IBAN: {str(error).lower()}") from None
    if not inside:
        raise DestinationError(
            field, f"is of {compact[:2]}, which is not in the SEPA zone; pay it another way"
        )
    return compact


def check_bic(field: str, text: str) -> str:
    """A BIC of 8 or 11 characters. Raises DestinationError."""
    compact = text.strip().upper()
    try:
        return str(BIC(compact, enforce_swift_compliance=True))
    except SchwiftyException:
        raise DestinationError(
            field, "must be a BIC of 8 or 11 characters, such as COBADEFFXXX"
        ) from None


def check_name(field: str, text: str) -> str:
    """A name as banks carry it. Raises DestinationError."""
    try:
        name = words.carried(text)
    except ValueError as error:
        raise DestinationError(field, str(error)) from None
    if not 1 <= len(name) <= words.MAX_NAME:
        raise DestinationError(
            field, f"must be 1 to {words.MAX_NAME} characters as banks write it, {name!r}"
        )
    return name


def check_creditor_id(field: str, text: str) -> str:
    """A SEPA creditor identifier (AT-C002 of the rulebook), such as DE98ZZZ09999999999.

    Its check digits are by ISO 7064 mod 97-10 over the national part and the country; the business
    code in its characters 5 to 7 does not count. Raises DestinationError.
    """
    compact = text.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{3}[A-Z0-9]{1,28}", compact):
        raise DestinationError(field, "must be a creditor identifier, such as DE98ZZZ09999999999")
    turned = compact[7:] + compact[:4]
    if int("".join(str(int(each, 36)) for each in turned)) % 97 != 1:
        raise DestinationError(field, "has wrong check digits")
    return compact


def check_destination(details: Mapping[str, object]) -> dict[str, str]:
    """An account's details: `name` and `iban`, `bic` if there is need, and for direct debits
    `mandate`, `mandate_date` and `sequence` (FRST or RCUR, which it is if nothing is said).

    `name_at_bank` is added where banks do not carry the name as it was given. Raises
    DestinationError.
    """
    given = {field: _text(field, value) for field, value in details.items()}
    for field in ("name", "iban"):
        if field not in given:
            raise DestinationError(field, "is needed")
    checked = {"name": given["name"], "iban": check_iban("iban", given["iban"])}
    at_bank = check_name("name", given["name"])
    if given.get("name_at_bank", at_bank) != at_bank:
        raise DestinationError("name_at_bank", f"follows from the name: {at_bank!r}")
    if at_bank != given["name"]:
        checked["name_at_bank"] = at_bank
    if "bic" in given:
        checked["bic"] = check_bic("bic", given["bic"])
    return checked | _mandate(given)


def _text(field: str, value: object) -> str:
    if field not in _FIELDS:
        known = ", ".join(each for each in _FIELDS if each != "name_at_bank")
        raise DestinationError(field, f"there is no such detail; there are {known}")
    if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value) <= 200:
        raise DestinationError(field, "must be 1 to 200 printable characters")
    return value


def _mandate(given: Mapping[str, str]) -> dict[str, str]:
    if not any(field in given for field in _MANDATE):
        return {}
    if "mandate" not in given or not words.is_identifier(given["mandate"]):
        raise DestinationError(
            "mandate", "must be the mandate's reference, 1 to 35 letters, digits and /-?:().,'+"
        )
    day = given.get("mandate_date", "")
    try:
        if not _DAY.fullmatch(day):
            raise ValueError(day)
        date.fromisoformat(day)
    except ValueError:
        raise DestinationError(
            "mandate_date", "must be the day when it was signed, such as 2026-05-01"
        ) from None
    sequence = given.get("sequence", RCUR)
    if sequence not in (FRST, RCUR):
        raise DestinationError("sequence", "must be FRST (its first debit) or RCUR")
    return {"mandate": given["mandate"], "mandate_date": day, "sequence": sequence}
