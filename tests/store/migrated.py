"""SQLite databases with this program's schema, copied from one that was migrated: it is faster."""

from pathlib import Path

from simulator.world.storage import empty_database


def migrated(path: Path) -> str:
    """The URL of a database that is put there, empty but for its schema."""
    path.write_bytes(empty_database())
    return f"sqlite:///{path}"
