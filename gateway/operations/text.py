"""What free text may be that people write: names and notes, which go into books, files and logs."""

import re

from gateway.operations.errors import BadInput

MAX_NAME = 100
MAX_NOTE = 500
HANDLE = re.compile("[a-z0-9][a-z0-9-]{0,39}")
"""What a person is called by programs."""


def check_name(name: str) -> None:
    """Raises BadInput unless `name` is 1 to 100 printable characters."""
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise BadInput("name", "must be 1 to 100 printable characters")


def check_note(field: str, note: str) -> None:
    """Raises BadInput naming `field` unless `note` is at most 500 printable characters.

    So no note can end a line of a log or a file, and PostgreSQL, which takes no NUL, can store it.
    """
    if len(note) > MAX_NOTE or not note.isprintable():
        raise BadInput(field, "must be at most 500 printable characters, on one line")
