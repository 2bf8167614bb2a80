"""Use case: a backup of the whole installation while it runs, read back before it counts.

What belongs in: the database, the settings, the broker's configuration and password hashes,
certificates, and the rail's files. What does not: the gateway's secret key and those of
certificates (only when asked for: a backup with the key can act as the gateway), and its password
at the broker.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from gateway import keys
from gateway.config import FILE_NAME, Config
from gateway.operations.errors import BadInput
from gateway.operations.office import Office
from gateway.pki.folder import files as certificate_files
from gateway.settlement.verify_books import verify_books_in
from gateway.store import backup_archive, backup_facts, backup_postgres, backup_sqlite, migrations
from gateway.store.backup_archive import FORMAT, Archive, Manifest
from gateway.store.backup_facts import Facts
from gateway.store.engine import Store, open_engine, open_store
from gateway.store.errors import ArchiveError

BACKUPS = "backups"
FILES = "files/"
"""The folder of the archive that holds files of the data folder, by their paths in it."""
RAIL = "settlements/"
"""The folder of the archive that holds the manual rail's files."""
KEY = "gateway.key"

_KEPT = (FILE_NAME, "mosquitto.conf", "broker/passwords")


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was read back and found right; `sha256` (hex) is the whole file's."""

    path: Path
    size: int
    sha256: str
    manifest: Manifest

    @property
    def with_key(self) -> bool:
        """Whether the gateway's secret key is in it."""
        return any(part.name == KEY for part in self.manifest.parts)


def backup(office: Office, target: Path | None, *, with_key: bool = False) -> Backup:
    """Back the installation up to a file, and read it back.

    `target` is by default a new file in `backups/` of the data folder; an existing file is
    replaced once the new one is whole. Raises ArchiveError (and leaves no file) if what was read
    back is not right, BadInput for an impossible target, OSError.
    """
    config = office.config
    if target is None:
        folder = config.data / BACKUPS
        folder.mkdir(mode=0o700, exist_ok=True)
    else:
        folder = target.parent
        if not folder.is_dir() or target.is_dir():
            raise BadInput("to", f"must be a file in a folder that exists, not {target}")
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=folder) as scratch:
        facts, columns, files = _database(office, Path(scratch))
        for name, path in _other_files(config, with_key):
            files[name] = path
        manifest = Manifest(
            FORMAT,
            facts.made_at,
            office.keys.public.hex(),
            office.store.engine.dialect.name,
            facts.schema,
            facts.generation,
            facts.journal_index,
            facts.journal_head.hex(),
            facts.channels,
            facts.amount,
            facts.units,
            facts.counts,
            columns,
            [backup_archive.describe(name, path) for name, path in files.items()],
        )
        if target is None:
            target = _new_name(folder, facts.made_at)
        draft = Path(scratch) / "backup.tar"
        backup_archive.write(draft, manifest, files, office.keys.sign)
        # Only what was read back gets its name: an older backup there is not lost to a bad one.
        made = check(draft, office.keys.public)
        draft.replace(target)
        backup_archive.sync_folder(folder)
    return Backup(target, made.size, made.sha256, made.manifest)


def _new_name(folder: Path, at: int) -> Path:
    number = 0
    while True:
        more = f"-{number}" if number else ""
        path = folder / f"tallystick-{at}{more}.tar"
        if not path.exists():
            return path
        number += 1


def _database(office: Office, scratch: Path) -> tuple[Facts, dict[str, list[str]], dict[str, Path]]:
    """The database's facts at one moment, the columns of its tables, and the files it became."""
    path = office.config.sqlite_path
    if path is None:
        with office.store.read() as conn:
            facts = backup_facts.read(conn, office.store.now(conn))
            columns = backup_postgres.columns_of(conn)
            return facts, columns, backup_postgres.export(conn, scratch)
    copied = scratch / backup_sqlite.PART
    backup_sqlite.copy(path, copied)
    with _store(copied) as store, store.read() as conn:
        facts = backup_facts.read(conn, store.now(conn))
    backup_sqlite.settle_file(copied)
    return facts, {}, {backup_sqlite.PART: copied}


@contextmanager
def _store(path: Path, *, upgrade: bool = False) -> Iterator[Store]:
    store = open_store(f"sqlite:///{path}", upgrade=upgrade)
    try:
        yield store
    finally:
        store.close()


def _other_files(config: Config, with_key: bool) -> Iterator[tuple[str, Path]]:
    for name in _KEPT:
        path = config.data / name
        if path.is_file():
            yield FILES + name, path
    for path in certificate_files(config.data, with_keys=with_key):
        yield FILES + str(path.relative_to(config.data)), path
    for path in sorted(config.manual_folder.glob("run-*.csv")):
        yield RAIL + path.name, path
    if with_key:
        yield KEY, config.data / keys.KEY_FILE


def check(path: Path, gateway_key: bytes | None = None) -> Backup:
    """Read a backup back without restoring it: hashes, seal, hash chain, signatures, totals.

    `gateway_key` is the public key that it must be of, if that is known. Raises ArchiveError,
    SchemaMismatch if a newer program wrote it, OSError.
    """
    with backup_archive.opened(path, keys.verify) as archive:
        check_key(archive.manifest, gateway_key)
        with (
            tempfile.TemporaryDirectory(prefix=".check-", dir=path.parent) as scratch,
            read_back(archive, Path(scratch)) as store,
            store.read() as conn,
        ):
            check_books(conn, archive.manifest)
        return Backup(path, path.stat().st_size, archive.sha256, archive.manifest)


def check_key(manifest: Manifest, gateway_key: bytes | None) -> None:
    """Raise ArchiveError if the archive is of a gateway with another key."""
    if gateway_key is not None and manifest.gateway_key != gateway_key.hex():
        raise ArchiveError(
            f"archive: of the gateway with key {manifest.gateway_key}, "
            f"this one's is {gateway_key.hex()}"
        )


@contextmanager
def read_back(archive: Archive, scratch: Path) -> Iterator[Store]:
    """The archive's database as a SQLite file in this folder, at this program's schema.

    Raises ArchiveError, SchemaMismatch.
    """
    path = scratch / backup_sqlite.PART
    if archive.manifest.engine == "sqlite":
        archive.extract(backup_sqlite.PART, path)
        backup_sqlite.check_pages(path)
    else:
        path.touch(mode=0o600)
        engine = open_engine(f"sqlite:///{path}")
        try:
            with engine.execution_options(tally_write=True).begin() as conn:
                migrations.upgrade_in(conn, archive.manifest.schema)
                conn.execute(text("DELETE FROM meta"))
                for table, columns in archive.manifest.columns.items():
                    with archive.read(backup_postgres.part_name(table)) as rows:
                        backup_postgres.insert_rows(conn, table, columns, rows)
        finally:
            engine.dispose()
    with _store(path, upgrade=True) as store:
        yield store


def check_books(conn: Connection, manifest: Manifest) -> None:
    """Raise ArchiveError unless the books are right, and are those that the manifest tells of."""
    report = verify_books_in(conn, bytes.fromhex(manifest.gateway_key))
    if not report.ok:
        first = report.discrepancies[0]
        raise ArchiveError(
            f"archive: its books have {len(report.discrepancies)} discrepancies, "
            f"first {first.where}: {first.what}"
        )
    found = backup_facts.read(conn, manifest.made_at)
    told = facts_of(manifest)
    pairs = (
        ("generation", found.generation, told.generation),
        ("journal index", found.journal_index, told.journal_index),
        ("journal head", found.journal_head, told.journal_head),
        ("channels", found.channels, told.channels),
        ("amount", found.amount, told.amount),
        ("units", found.units, told.units),
        *((f"rows of {name}", found.counts.get(name), told.counts[name]) for name in told.counts),
    )
    for name, holds, says in pairs:
        if holds != says:
            raise ArchiveError(f"archive: {name} is not what its manifest says")


def facts_of(manifest: Manifest) -> Facts:
    """How far the database in an archive has come, as its manifest tells."""
    return Facts(
        manifest.made_at,
        manifest.schema,
        manifest.generation,
        manifest.journal_index,
        bytes.fromhex(manifest.journal_head),
        manifest.channels,
        manifest.amount,
        manifest.units,
        manifest.counts,
    )
