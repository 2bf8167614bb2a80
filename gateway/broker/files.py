"""The folder `broker/` in the data folder: how its files are written, and who may read them.

Only paths, modes and owners are decided here; what stands in the files is said elsewhere.

Mosquitto that is started by root becomes the user `mosquitto` (or `nobody`, if there is none)
before it opens its files. Files that root writes here are therefore given to that user, and its
group may pass through the data folder without seeing what is in it. Mosquitto that is started by
anyone else stays who it is, and so do its files.
"""

import fcntl
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _mosquitto_user() -> pwd.struct_passwd | None:
    """The user that Mosquitto becomes, or None if it stays who started it."""
    if os.geteuid() != 0:
        return None
    for name in ("mosquitto", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def broker_folder(folder: Path) -> Path:
    """The broker's folder in the data folder, made with `persistence/` if it is missing."""
    broker = folder / "broker"
    persistence = broker / "persistence"
    persistence.mkdir(mode=0o700, parents=True, exist_ok=True)
    user = _mosquitto_user()
    broker.chmod(0o700)
    if user is not None:
        for passed in (folder, broker):
            os.chown(passed, -1, user.pw_gid)
            passed.chmod(passed.stat().st_mode & 0o777 | 0o010)
        os.chown(persistence, user.pw_uid, user.pw_gid)
    return broker


def write_file(folder: Path, name: str, text: str) -> Path:
    """Put `text` into `broker/<name>`, whole or not at all, mode 0600, readable by Mosquitto.

    Raises OSError; the old file then still stands.
    """
    broker = broker_folder(folder)
    path = broker / name
    fresh = broker / f".{name}.new"
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        user = _mosquitto_user()
        if user is not None:
            os.fchown(descriptor, user.pw_uid, user.pw_gid)
        os.fsync(descriptor)
    fresh.replace(path)
    listing = os.open(broker, os.O_RDONLY)
    try:
        os.fsync(listing)
    finally:
        os.close(listing)
    return path


@contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Keep other processes from changing a file here between our reading and our writing it."""
    descriptor = os.open(broker_folder(folder) / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
