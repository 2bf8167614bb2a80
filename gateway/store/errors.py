"""What the store can refuse, as types.

Only error classes live here: no query and no rule.
"""


class StoreError(Exception):
    """The base of all errors of the store; its text says what would be right."""


class NotFound(StoreError):
    """Nothing is stored under this id."""


class Conflict(StoreError):
    """What is stored already contradicts what was asked for."""


class Fenced(StoreError):
    """Another holder took the lease: this writer must stop and change nothing."""


class NotDurable(StoreError):
    """The database would not promise durability or integrity as it must."""


class SchemaMismatch(StoreError):
    """The database's schema is older or newer than this program."""


class RestoreFenced(StoreError):
    """The books were restored from a backup and are not reconciled yet: this must wait."""


class ArchiveError(StoreError):
    """A backup that is damaged, of another gateway, or of a newer program."""
