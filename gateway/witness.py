"""A small file beside the database that remembers how far the database has come.

Every few seconds while the gateway serves a counter in the database is raised, and then noted here.
A database whose counter, or generation, is below the note is an older copy that somebody put back
by hand (a file copied over it, a snapshot of its server): its marks may be lower than what devices
were told, so it is not used before it has been declared a restored one, behind the fence.

What it can't see: a folder that was put back whole, with this file in it, as a snapshot of the
machine does. The operator must say so: `tallystick restore --fence`.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from gateway.config import ConfigError
from gateway.settlement.rails.manual import write_whole
from gateway.store import fence, meta

FILE = "gateway.witness"
BEAT_SECONDS = 10.0

_RAISE = text("UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE key = 'beat'")
_LINE = re.compile(r"generation ([0-9]{1,18}) beat ([0-9]{1,18})\n")


class OlderThanSeen(ConfigError):
    """The database is older than what this data folder has seen of it."""


@dataclass(frozen=True, slots=True)
class Witness:
    """The generation and the counter that were last seen."""

    generation: int = 1
    beat: int = 0


def read(data: Path) -> Witness:
    """What was last noted; nothing yet if there is no file.

    Raises ConfigError if the file is damaged.
    """
    path = data / FILE
    try:
        said = path.read_text()
    except FileNotFoundError:
        return Witness()
    match = _LINE.fullmatch(said)
    if match is None:
        raise ConfigError(
            f"{path}: is damaged; if the database is the one that last served, delete this file"
        )
    return Witness(int(match[1]), int(match[2]))


def of(conn: Connection) -> Witness:
    """What a database says of itself."""
    return Witness(fence.number(conn), int(meta.get(conn, "beat") or "0"))


def check(data: Path, conn: Connection) -> None:
    """Raise OlderThanSeen if the database is older than what was noted of it."""
    seen, found = read(data), of(conn)
    if (found.generation, found.beat) >= (seen.generation, seen.beat):
        return
    raise OlderThanSeen(
        f"database: it is older than what this data folder has seen of it "
        f"(generation {found.generation}, beat {found.beat}; "
        f"seen: generation {seen.generation}, beat {seen.beat}). If somebody put back an older "
        "copy, declare it so that nothing is lost or paid twice: tallystick restore --fence"
    )


def set_beat(conn: Connection, beat: int) -> None:
    """Set the counter, in a restored database."""
    meta.put(conn, "beat", str(beat))


def raise_beat(conn: Connection) -> Witness:
    """Raise the counter, and return what to note once that is committed."""
    if conn.execute(_RAISE).rowcount == 0:
        meta.put(conn, "beat", "1")
    return of(conn)


def note(data: Path, seen: Witness) -> None:
    """Note what was committed, durably. Raises OSError."""
    write_whole(data / FILE, f"generation {seen.generation} beat {seen.beat}\n".encode())
