"""The data folder's lock: one gateway on a SQLite database, and no restore beside a gateway."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.config import ConfigError

LOCK_FILE = "serve.lock"


class AlreadyServing(ConfigError):
    """Another process holds this data folder; the text says which."""


@contextmanager
def locked(data: Path, *, alone: bool) -> Iterator[None]:
    """Hold the data folder's lock, which ends with the process; several may if none is `alone`.

    Raises AlreadyServing.
    """
    descriptor = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read().strip() or "another process"
            raise AlreadyServing(
                f"data: {data} is served already by {holder}; a SQLite database has one gateway, "
                "and a restore has none beside it"
            ) from None
        file.truncate(0)
        file.write(f"pid {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
