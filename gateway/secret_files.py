"""Reading files that hold a secret: refused unless only their owner can, and the owner is us.

Whose file it is matters too: somebody who could put one of their own in its place would choose the
secret. What the bytes mean is the caller's affair.
"""

import os
import pwd
import stat
from pathlib import Path

_LARGEST = 65_536


class SecretFileError(Exception):
    """A secret file that is not used as it is; the text names it and says what would be right."""


def read(path: Path, if_missing: str) -> bytes:
    """The content of a secret file. `if_missing` is the advice where it can't be read at all.

    Raises SecretFileError if it can't be read, is no plain file, is another user's (other than
    root's), may be read or written by others, or holds more than 64 KiB.
    """
    try:
        # Not blocking, for a pipe in its place would be waited on for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SecretFileError(f"{path}: can't be read ({error.strerror}); {if_missing}") from None
    try:
        # Of the file that is open, so that it can't be another one by then.
        check(path, os.fstat(descriptor))
        content = os.read(descriptor, _LARGEST + 1)
    finally:
        os.close(descriptor)
    if len(content) > _LARGEST:
        raise SecretFileError(f"{path}: is far larger than a secret; restore it from a backup")
    return content


def check(path: Path, found: os.stat_result) -> None:
    """Whether a file with this status may hold a secret of ours. Raises SecretFileError."""
    if not stat.S_ISREG(found.st_mode):
        raise SecretFileError(f"{path}: must be a plain file")
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise SecretFileError(f"{path}: others may read it (mode {mode:o}); run: chmod 600 {path}")
    us = os.geteuid()
    if found.st_uid not in (us, 0):
        owner, our = _name(found.st_uid), _name(us)
        raise SecretFileError(
            f"{path}: belongs to {owner} and this runs as {our}; run it as {owner}, "
            f"or: chown {our} {path}"
        )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
