"""Passwords: how they are kept, and what they must be.

argon2id (RFC 9106). Each hash takes 64 MiB and tenths of a second, so few are made at once, however
many ask.
"""

import secrets
import threading
import unicodedata
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.operations.errors import BadInput

SHORTEST = 12
LONGEST = 200
_AT_ONCE = 2


class Passwords:
    """Makes and checks hashes at the cost of `hasher`; by default RFC 9106's second recommended
    one: 3 passes over 64 MiB."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self.hasher = PasswordHasher() if hasher is None else hasher
        self._turn = threading.BoundedSemaphore(_AT_ONCE)

    def hash(self, password: str) -> str:
        """A password as it is kept."""
        with self._turn:
            return self.hasher.hash(_one_form(password))

    def matches(self, kept: str | None, password: str) -> bool:
        """Whether this is the password that was kept; without one it takes as long to say no."""
        with self._turn:
            try:
                right = self.hasher.verify(kept or self._nobodys, _one_form(password))
            except (VerificationError, InvalidHashError, UnicodeEncodeError):
                return False
        return right and kept is not None

    def is_dated(self, kept: str) -> bool:
        """Whether a password was kept at another cost than one would be now."""
        return self.hasher.check_needs_rehash(kept)

    @cached_property
    def _nobodys(self) -> str:
        return self.hasher.hash(secrets.token_hex(16))


def check_new(field: str, password: str, name: str) -> None:
    """Raises BadInput naming `field` unless a password can be the new one of the person `name`.

    Length is what counts: no kinds of characters are asked for (NIST SP 800-63B, 3.1.1.2).
    """
    if not SHORTEST <= len(password) <= LONGEST or not password.isprintable():
        raise BadInput(field, f"must be {SHORTEST} to {LONGEST} printable characters")
    if len(set(password)) < 4:
        raise BadInput(field, "must be harder to guess than a few characters repeated")
    if name in password.lower() and len(password) < len(name) + SHORTEST:
        raise BadInput(field, f"must have {SHORTEST} characters besides your name")


def _one_form(password: str) -> str:
    # Keyboards differ in how they write the same letter.
    return unicodedata.normalize("NFKC", password)
