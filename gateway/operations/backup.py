"""Use case: a backup of the whole installation while it runs, read back before it counts.

What belongs in: the database, the settings, the broker's configuration and password hashes,
certificates, and the rails' files. What does not: the gateway's secret keys and those of
certificates (only when asked for: a backup with the key can act as the gateway), and its password
at the broker.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import structlog
from sqlalchemy import Connection, text

from gateway import key_files, keys
from gateway.config import FILE_NAME
from gateway.operations.errors import BadInput
from gateway.operations.office import Office
from gateway.pki.folder import files as certificate_files
from gateway.settlement.rails import RailError, manual
from gateway.settlement.rails.registry import Rails
from gateway.settlement.verify_books import verify_books_in
from gateway.store import backup_archive, backup_facts, backup_postgres, backup_sqlite, migrations
from gateway.store.backup_archive import FORMAT, Archive, Manifest
from gateway.store.backup_facts import Facts
from gateway.store.engine import Store, open_engine, open_store
from gateway.store.errors import ArchiveError
from protocol.errors import ProtocolError

log = structlog.get_logger(__name__)

BACKUPS = "backups"
FILES = "files/"
"""The folder of the archive that holds files of the data folder, by their paths in it."""
RAIL = "settlements/"
"""The folder of the archive that holds the manual rail's files."""
RECORDS = "rails/"
"""The folder of the archive that holds the files of other rails, each in a folder of its name."""
KEY = "gateway.key"
KEYS = "keys/"
"""The folder of the archive that holds the secret keys that were followed."""

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
        for name, path in _other_files(office, with_key):
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
            facts.audit_index,
            facts.audit_head.hex(),
        )
        if target is None:
            target = _new_name(folder, facts.made_at)
        draft = Path(scratch) / "backup.tar"
        backup_archive.write(draft, manifest, files, office.keys.sign)
        # Only what was read back gets its name: an older backup there is not lost to a bad one.
        made = check(draft, office.keys.publics)
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


def _other_files(office: Office, with_key: bool) -> Iterator[tuple[str, Path]]:
    config = office.config
    for name in _KEPT:
        path = config.data / name
        if path.is_file():
            yield FILES + name, path
    for path in certificate_files(config.data, with_keys=with_key):
        yield FILES + str(path.relative_to(config.data)), path
    folder = config.data / key_files.FOLDER
    for each in office.keys.older:
        path = folder / (each.public.hex() + key_files.SUCCESSOR)
        yield FILES + str(path.relative_to(config.data)), path
    for path in manual.files(config.manual_folder):
        yield RAIL + path.name, path
    yield from _records(office.rails)
    if with_key:
        yield KEY, config.data / key_files.KEY_FILE
        for name in (key_files.PEOPLE_FILE, key_files.WEBHOOKS_FILE):
            yield FILES + name, config.data / name
        for each in office.keys.older:
            if each.key is not None:
                name = each.public.hex() + key_files.SEED
                yield KEYS + name, folder / name


def _records(rails: Rails) -> Iterator[tuple[str, Path]]:
    """The files of the rails' own records, but for the manual one's."""
    for name in rails.names_in_use():
        if name == manual.ManualRail.name:
            continue
        try:
            folder = rails[name].record_folder
        except RailError as error:
            # Settlements say so too. What is known of all else is not to go without a backup.
            log.warning("a rail's files are not in the backup", rail=name, error=str(error))
            continue
        if folder is not None and folder.is_dir():
            for path in sorted(folder.iterdir()):
                if path.is_file() and path.suffix != ".tmp":
                    yield f"{RECORDS}{name}/{path.name}", path


def check(path: Path, gateway_keys: Sequence[bytes] = ()) -> Backup:
    """Read a backup back without restoring it: hashes, seal, hash chain, signatures, totals.

    `gateway_keys` are the public keys that it must be of, if they are known. Raises ArchiveError,
    SchemaMismatch if a newer program wrote it, OSError.
    """
    with backup_archive.opened(path, keys.verify) as archive:
        if gateway_keys:
            check_key(archive.manifest, gateway_keys)
        with (
            tempfile.TemporaryDirectory(prefix=".check-", dir=path.parent) as scratch,
            read_back(archive, Path(scratch)) as store,
            store.read() as conn,
        ):
            check_books(conn, archive)
        return Backup(path, path.stat().st_size, archive.sha256, archive.manifest)


def check_key(manifest: Manifest, gateway_keys: Sequence[bytes]) -> None:
    """Raise ArchiveError if the archive was made under none of these keys, the oldest first."""
    if bytes.fromhex(manifest.gateway_key) not in gateway_keys:
        raise ArchiveError(
            f"archive: of the gateway with key {manifest.gateway_key}, "
            f"this one's is {gateway_keys[-1].hex()}"
        )


def keys_of(archive: Archive) -> list[bytes]:
    """The public keys of the archive's gateway when it was made, the oldest first.

    Raises ArchiveError.
    """
    words = {}
    for name in archive.names(f"{FILES}{key_files.FOLDER}/"):
        with archive.read(name) as source:
            words[bytes.fromhex(PurePosixPath(name).stem)] = source.read()
    newest = bytes.fromhex(archive.manifest.gateway_key)
    try:
        return [*(public for public, _word in keys.line_to(newest, words)), newest]
    except ProtocolError as error:
        raise ArchiveError(f"archive: a successor is damaged: {error}") from error


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


def check_books(conn: Connection, archive: Archive) -> None:
    """Raise ArchiveError unless the books are right, and are those that the manifest tells of."""
    manifest = archive.manifest
    report = verify_books_in(conn, *keys_of(archive))
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
        *([("audit head", found.audit_head, told.audit_head)] if told.audit_head else []),
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
        manifest.audit_index,
        bytes.fromhex(manifest.audit_head),
    )
