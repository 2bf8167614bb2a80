"""Use case: putting a backup back, whole or not at all, behind the fence.

SQLite: a new file is finished beside the old one, then renamed over it. PostgreSQL: everything is
one transaction. Books that know more than the backup are not overwritten unless that is asked for
by name, and never those of another gateway.
"""

import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError

from gateway import config as settings
from gateway import key_files, keys, witness
from gateway.broker import files as broker_files
from gateway.config import FILE_NAME, Config, ConfigError
from gateway.folder_lock import locked
from gateway.operations import office
from gateway.operations.backup import (
    FILES,
    KEY,
    KEYS,
    RAIL,
    RECORDS,
    check_books,
    check_key,
    facts_of,
    read_back,
)
from gateway.operations.principal import of_user
from gateway.settlement.rails import RailError
from gateway.store import (
    audit,
    backup_archive,
    backup_facts,
    backup_postgres,
    backup_sqlite,
    fence,
    last,
    lease,
    meta,
    migrations,
    notices,
    sessions,
)
from gateway.store.backup_archive import Archive
from gateway.store.engine import Store, open_engine, open_store
from gateway.store.errors import ArchiveError, Conflict, SchemaMismatch, StoreError
from gateway.witness import Witness


class WouldLoseNewer(Conflict):
    """What is there knows more than the backup; the text says what."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore came to. `kept` is where the database that was there is now, `lost` what it
    knew that the backup does not, `files` which files of the data folder were put back."""

    generation: int
    awaited: int
    kept: Path | None
    lost: list[str]
    files: list[str]


@dataclass(slots=True)
class _Known:
    """What the database that is there must not be taken back behind. `own` are this gateway's
    public keys."""

    own: Sequence[bytes]
    seen: Witness = field(default_factory=Witness)
    leases: dict[str, int] = field(default_factory=dict)
    decisions: int = 0
    lost: list[str] = field(default_factory=list)

    def add(self, conn: Connection, now: int, archive: Archive) -> None:
        """Take in a database of this program's schema. Raises ArchiveError if it is another's."""
        made_by = meta.get(conn, office.MADE)
        if made_by is not None and bytes.fromhex(made_by) not in self.own:
            raise ArchiveError(
                f"archive: of the gateway with key {archive.manifest.gateway_key}; "
                f"the database that is there is of {made_by}, and is never overwritten"
            )
        found = witness.of(conn)
        self.seen = Witness(
            max(self.seen.generation, found.generation), max(self.seen.beat, found.beat)
        )
        self.leases = lease.tokens(conn)
        self.decisions = notices.decisions(conn)
        self.lost = backup_facts.newer_than(conn, now, facts_of(archive.manifest))


def restore(config: Config, path: Path, *, over_newer: bool = False) -> Restored:
    """Put a backup back into a data folder and database, which may be empty.

    Raises ArchiveError if it is damaged or another gateway's, SchemaMismatch if a newer program
    made it, WouldLoseNewer unless `over_newer`, AlreadyServing while a gateway serves the folder,
    KeyFileError if the gateway's key is neither there nor in the archive, OSError.
    """
    with backup_archive.opened(path, keys.verify) as archive:
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(config.data, alone=True):
            own = _keys(config.data, archive)
            files = _files(config, archive)
            if str(config.data / FILE_NAME) in files:
                config = settings.load(config.data)
            files += _records(config, archive)
            engine = "postgresql" if config.sqlite_path is None else "sqlite"
            if engine != archive.manifest.engine:
                raise ArchiveError(
                    f"archive: of a {archive.manifest.engine} database; database_url names "
                    f"{config.database_shown}"
                )
            known = _Known(own, witness.read(config.data))
            restorer = _into_sqlite if config.sqlite_path is not None else _into_postgres
            made = restorer(config, archive, known, over_newer, files)
            _note(config)
        office.complete(config)
        return made


def _keys(data: Path, archive: Archive) -> Sequence[bytes]:
    """The gateway's public keys, once those files are back that were missing."""
    manifest = archive.manifest
    newest = key_files.newest(data)
    path = data / key_files.KEY_FILE
    if newest is None and KEY not in {part.name for part in manifest.parts}:
        raise key_files.KeyFileError(
            f"{path}: is missing, and the backup does not hold the key: "
            f"put the gateway's key there first, from where you keep its copy "
            f"(its public key is {manifest.gateway_key})"
        )
    if newest in (None, bytes.fromhex(manifest.gateway_key)):
        folder = data / key_files.FOLDER
        # Those that were followed first: with `gateway.key` all of it is there.
        for inside in (f"{FILES}{key_files.FOLDER}/", KEYS):
            for name in archive.names(inside):
                folder.mkdir(mode=0o700, exist_ok=True)
                _put_back(archive, name, folder / name.removeprefix(inside))
    if newest is None:
        _put_back(archive, KEY, path)
    found = key_files.load(data).publics
    check_key(manifest, found)
    return found


def _put_back(archive: Archive, name: str, path: Path) -> bool:
    """Write a part to a file, whole or not at all, unless it is there; whether it was missing."""
    if path.exists():
        return False
    draft = path.with_name(f".{path.name}.restored")
    draft.unlink(missing_ok=True)
    archive.extract(name, draft)
    draft.replace(path)
    backup_archive.sync_folder(path.parent)
    return True


def _files(config: Config, archive: Archive) -> list[str]:
    """Put back those files that are missing: what is there is newer, or was changed on purpose."""
    found = []
    for folder, target in ((FILES, config.data), (RAIL, config.manual_folder)):
        for name in archive.names(folder):
            path = target / name.removeprefix(folder)
            if path.exists():
                continue
            if path.parent.name == "broker":
                broker_files.broker_folder(config.data)
                with archive.read(name) as source:
                    broker_files.write_file(config.data, path.name, source.read().decode())
            else:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _put_back(archive, name, path)
            found.append(str(path))
    return found


def _records(config: Config, archive: Archive) -> list[str]:
    """Put back those files of rails' records that are missing: where the settings say, or where
    they are by default if there are none for a rail."""
    found = []
    rails = config.all_rails()
    for name in archive.names(RECORDS):
        rail, _, file = name.removeprefix(RECORDS).partition("/")
        try:
            folder = rails[rail].record_folder or config.data / rail
        except RailError:
            folder = config.data / rail
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _put_back(archive, name, folder / file):
            found.append(str(folder / file))
    return found


def _refuse_newer(known: _Known, over_newer: bool) -> None:
    if known.lost and not over_newer:
        raise WouldLoseNewer(
            f"restore: the books that are there know more than the backup ({', '.join(known.lost)})"
            "; if you mean to go back behind them, say --over-newer"
        )


def _begin(conn: Connection, archive: Archive, known: _Known, now: int) -> int:
    """Put the fence up in the restored books, in the transaction that makes them."""
    new = max(fence.number(conn), known.seen.generation) + 1
    fence.put_up(conn, new, archive.sha256, archive.manifest.made_at, now)
    lease.outdate(conn, known.leases, "restore")
    last.act(conn, of_user())
    audit.record(conn, "gateway.restore", str(new), after={"archive": archive.sha256})
    notices.count_from(conn, known.decisions)
    sessions.end_everybodys(conn, now)  # those that have ended since would go on again
    witness.set_beat(conn, max(witness.of(conn).beat, known.seen.beat) + 1)
    return new


def _into_sqlite(
    config: Config, archive: Archive, known: _Known, over_newer: bool, files: list[str]
) -> Restored:
    current = config.sqlite_path
    if current is None:
        raise ConfigError("database_url: names no SQLite file")
    damaged = current.exists() and not _look_at(current, archive, known)
    if damaged and not over_newer:
        raise WouldLoseNewer(
            f"restore: {current} can't be read, so whether it knows more than the backup can't be "
            "told; if you mean to replace it, say --over-newer"
        )
    _refuse_newer(known, over_newer)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=current.parent) as scratch:
        with read_back(archive, Path(scratch)) as store:
            with store.read() as conn:
                check_books(conn, archive)
            with store.write() as conn:
                new = _begin(conn, archive, known, store.now(conn))
            with store.read() as conn:
                awaited = fence.counts(conn)["waiting"]
        made = Path(scratch) / backup_sqlite.PART
        backup_sqlite.settle_file(made)
        kept = None
        if current.exists():
            kept = _free_name(current, new)
            if damaged:
                backup_sqlite.set_aside(current, kept)
            else:
                backup_sqlite.settle_file(current)
        backup_sqlite.swap(made, current, kept)
    return Restored(new, awaited, kept, known.lost, files)


def _look_at(current: Path, archive: Archive, known: _Known) -> bool:
    """Take in the database that is there, from a copy; False if it can't be read."""
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=current.parent) as scratch:
        copy = Path(scratch) / "existing.db"
        try:
            backup_sqlite.copy(current, copy)
            backup_sqlite.check_pages(copy)
            store = open_store(f"sqlite:///{copy}", upgrade=True)
        except SchemaMismatch:
            raise
        except (sqlite3.Error, DatabaseError, StoreError):
            return False
        try:
            with store.read() as conn:
                known.add(conn, store.now(conn), archive)
        finally:
            store.close()
    return True


def _free_name(current: Path, generation: int) -> Path:
    number = 0
    while True:
        more = f"-{number}" if number else ""
        path = current.with_name(f"{current.name}.before-generation-{generation}{more}")
        if not path.exists():
            return path
        number += 1


def _into_postgres(
    config: Config, archive: Archive, known: _Known, over_newer: bool, files: list[str]
) -> Restored:
    manifest = archive.manifest
    engine = open_engine(config.database_url)
    store = Store(engine)
    try:
        with store.write() as conn:
            # Whoever still uses the tables must end first, and is not waited for without end.
            conn.execute(text("SET LOCAL lock_timeout = '20s'"))
            if inspect(conn).has_table("alembic_version"):
                migrations.upgrade_in(conn)
                known.add(conn, store.now(conn), archive)
                _refuse_newer(known, over_newer)
            backup_postgres.drop_all(conn)
            migrations.upgrade_in(conn, manifest.schema)
            conn.execute(text("DELETE FROM meta"))
            for table, columns in manifest.columns.items():
                with archive.read(backup_postgres.part_name(table)) as rows:
                    backup_postgres.load(conn, table, columns, rows)
            backup_postgres.advance_sequences(conn)
            migrations.upgrade_in(conn)
            check_books(conn, archive)
            new = _begin(conn, archive, known, store.now(conn))
            awaited = fence.counts(conn)["waiting"]
    finally:
        store.close()
    return Restored(new, awaited, None, known.lost, files)


def _note(config: Config) -> None:
    store = open_store(config.database_url)
    try:
        with store.read() as conn:
            seen = witness.of(conn)
    finally:
        store.close()
    witness.note(config.data, seen)


def fence_by_hand(config: Config) -> Restored:
    """Declare the database, as it stands, one that was put back from an older state.

    Raises AlreadyServing while a gateway serves the folder, KeyFileError, StoreError.
    """
    own = key_files.load(config.data).publics
    with locked(config.data, alone=True):
        seen = witness.read(config.data)
        store = open_store(config.database_url)
        try:
            with store.write() as conn:
                made_by = meta.get(conn, office.MADE)
                if made_by is None or bytes.fromhex(made_by) not in own:
                    raise ConfigError(f"database_url: this database is of the gateway {made_by}")
                now = store.now(conn)
                found = witness.of(conn)
                new = max(found.generation, seen.generation) + 1
                fence.put_up(conn, new, "", now, now)
                last.act(conn, of_user())
                audit.record(conn, "gateway.fence", str(new))
                lease.outdate(conn, lease.tokens(conn), "restore")
                witness.set_beat(conn, max(found.beat, seen.beat) + 1)
                awaited = fence.counts(conn)["waiting"]
        finally:
            store.close()
        _note(config)
    return Restored(new, awaited, None, [], [])
