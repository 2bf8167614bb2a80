"""Codes that people type off a paper or a screen: told once, kept as a hash.

In Crockford's base 32, which has no letters that look like digits, in groups of four.
"""

import hashlib
import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_GROUP = 4
_READ_AS = str.maketrans("OIL", "011", "- ")


def new(length: int) -> str:
    """A code of so many letters and digits, each five random bits."""
    code = "".join(secrets.choice(_ALPHABET) for _ in range(length))
    return "-".join(code[at : at + _GROUP] for at in range(0, length, _GROUP))


def hashed(code: str) -> bytes:
    """The 32-byte hash of a code, however it was typed."""
    # One round is enough: a code is 80 random bits or more, not something a person made up.
    plain = code.upper().translate(_READ_AS)
    return hashlib.sha256(plain.encode(errors="surrogatepass")).digest()
