"""Text as SEPA carries it: the Latin letters that every bank must take, and no others.

The set is that of the SEPA rulebooks (EPC217-08, "SEPA requirements for an extended character
set"): a-z A-Z 0-9 / - ? : ( ) . , ' + and the space. What has a usual spelling in it is written so,
and whoever gave the text is shown the result; what has none is refused.
"""

import re
import unicodedata

MAX_NAME = 70
"""Characters of a name (Max70Text)."""

_CARRIED = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]*")
_SPELLED = {
    "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ẞ": "SS",
    "Æ": "Ae", "æ": "ae", "Ø": "Oe", "ø": "oe", "Œ": "Oe", "œ": "oe",
    "Đ": "D", "đ": "d", "Ð": "D", "ð": "d", "Þ": "Th", "þ": "th", "Ł": "L", "ł": "l",
    "\u0131": "i", "«": "'", "»": "'", "\u2018": "'", "\u2019": "'", "“": "'", "”": "'",
    "&": "+", "_": "-", ";": ",", '"': "'", "`": "'",
    "\u2013": "-", "\u2014": "-", "@": "(at)", "€": "EUR", "\u00a0": " ",
}  # fmt: skip


def carried(text: str) -> str:
    """`text` in the letters that every bank carries, with single spaces.

    Raises ValueError naming the first character that has no spelling in them.
    """
    spelled = "".join(_spelling(each) for each in unicodedata.normalize("NFC", text))
    return re.sub(" +", " ", spelled).strip()


def _spelling(character: str) -> str:
    if _CARRIED.fullmatch(character):
        return character
    if character in _SPELLED:
        return _SPELLED[character]
    # A letter with an accent is written without it.
    plain = "".join(
        each for each in unicodedata.normalize("NFD", character) if not unicodedata.combining(each)
    )
    if plain == character or not _CARRIED.fullmatch(plain) or not plain:
        raise ValueError(f"has {character!r}, which banks do not carry; write it in Latin letters")
    return plain


def is_identifier(text: str) -> bool:
    """Whether banks carry `text` as an identifier: 1 to 35 characters of the set, no space, no
    slash at an end and no two together."""
    return (
        1 <= len(text) <= 35
        and _CARRIED.fullmatch(text) is not None
        and " " not in text
        and not text.startswith("/")
        and not text.endswith("/")
        and "//" not in text
    )
