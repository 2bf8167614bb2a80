"""A PostgreSQL database as parts of a backup: each table as PostgreSQL's own COPY text.

Read in one REPEATABLE READ transaction, which sees one moment and keeps nobody waiting; put back in
the caller's one transaction. No program of PostgreSQL's is needed, so a gateway on another machine
than the database, or of another release than its `pg_dump`, can do it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    bindparam,
    insert,
    text,
)
from sqlalchemy.schema import sort_tables

from gateway.store.errors import ArchiveError
from gateway.store.schema import Base

FOLDER = "tables/"
_CHUNK = 1 << 18
_AT_ONCE = 1000
_TRIGGER_FUNCTIONS = text(
    "SELECT DISTINCT f.proname FROM pg_trigger t"
    " JOIN pg_proc f ON f.oid = t.tgfoid JOIN pg_class c ON c.oid = t.tgrelid"
    " WHERE NOT t.tgisinternal AND c.relname IN :tables"
    " AND c.relnamespace = current_schema()::regnamespace"
).bindparams(bindparam("tables", expanding=True))
_BOOLEANS = {"t": True, "f": False}
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def part_name(table: str) -> str:
    """The part that holds a table."""
    return f"{FOLDER}{table}.copy"


def tables_in(conn: Connection) -> list[Table]:
    """The tables that this database has, in the order in which rows can be put into them.

    Each is after those that it refers to, save that lines are before what they are lines of: their
    reference is deferred, and the database takes no entry whose lines are not there.
    """
    found = set(
        conn.execute(
            text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        ).scalars()
    )
    lines_first = [
        (key.parent.table, key.column.table)
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
        if key.deferrable
    ]
    ordered = sort_tables(
        Base.metadata.tables.values(),
        skip_fn=lambda key: bool(key.deferrable),
        extra_dependencies=lines_first,
    )
    return [table for table in ordered if table.name in found]


def columns_of(conn: Connection) -> dict[str, list[str]]:
    """The columns of each table, in the order in which `export` writes them."""
    return {table.name: [column.name for column in table.columns] for table in tables_in(conn)}


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def export(conn: Connection, folder: Path) -> dict[str, Path]:
    """Write each table to a file in this folder; the files by the names of their parts.

    `conn` is in the one transaction that sees one moment. Raises OSError.
    """
    files = {}
    cursor = _driver(conn).cursor()
    for table in tables_in(conn):
        path = folder / f"{table.name}.copy"
        with (
            path.open("xb") as file,
            cursor.copy(f'COPY "{table.name}" ({_listed(table.columns.keys())}) TO STDOUT') as rows,
        ):
            for chunk in rows:
                file.write(chunk)
        files[part_name(table.name)] = path
    return files


def _driver(conn: Connection) -> Any:
    driver = conn.connection.driver_connection
    if driver is None:
        raise ArchiveError("database: the connection is gone")
    return driver


def load(conn: Connection, table: str, columns: Sequence[str], source: BinaryIO) -> None:
    """Put a part's rows, which have these columns, into their empty table."""
    cursor = _driver(conn).cursor()
    with cursor.copy(f'COPY "{table}" ({_listed(columns)}) FROM STDIN') as rows:
        while chunk := source.read(_CHUNK):
            rows.write(chunk)


def advance_sequences(conn: Connection) -> None:
    """Let numbers that PostgreSQL gives go on above those that were loaded."""
    conn.execute(
        text(
            "SELECT setval(pg_get_serial_sequence('notice', 'id'),"
            " coalesce((SELECT max(id) FROM notice), 0) + 1, false)"
        )
    )


def drop_all(conn: Connection) -> None:
    """Drop every table of a gateway with its triggers, and nothing else, in the caller's
    transaction."""
    names = [table.name for table in Base.metadata.sorted_tables] + ["alembic_version"]
    functions = conn.execute(_TRIGGER_FUNCTIONS, {"tables": names}).scalars().all()
    listed = ", ".join(f'"{name}"' for name in names)
    conn.execute(text(f"DROP TABLE IF EXISTS {listed} CASCADE"))
    for name in functions:
        conn.execute(text(f"DROP FUNCTION IF EXISTS {name}() CASCADE"))


def insert_rows(conn: Connection, name: str, columns: Sequence[str], source: BinaryIO) -> None:
    """Put a part's rows into an empty table of a SQLite database.

    This is how a backup is read back where there is no PostgreSQL. Raises ArchiveError.
    """
    table = Table(name, MetaData(), autoload_with=conn)
    batch: list[dict[str, object]] = []
    for row in _rows(name, [table.columns[column] for column in columns], source):
        batch.append(row)
        if len(batch) == _AT_ONCE:
            conn.execute(insert(table), batch)
            batch = []
    if batch:
        conn.execute(insert(table), batch)


def _rows(
    table: str, columns: Sequence[Column[Any]], source: BinaryIO
) -> Iterator[dict[str, object]]:
    for line in source:
        cells = line.rstrip(b"\n").decode().split("\t")
        if len(cells) != len(columns):
            raise ArchiveError(f"archive: a row of {table} has {len(cells)} cells")
        try:
            yield {
                column.name: _value(column.type, cell)
                for column, cell in zip(columns, cells, strict=True)
            }
        except ValueError as error:
            raise ArchiveError(f"archive: a row of {table} can't be read") from error


def _value(kind: object, cell: str) -> object:
    if cell == "\\N":
        return None
    if isinstance(kind, BigInteger | Integer):
        return int(cell)
    if isinstance(kind, Boolean):
        if cell not in _BOOLEANS:
            raise ValueError(cell)
        return _BOOLEANS[cell]
    if isinstance(kind, LargeBinary):
        # Its own backslash is escaped as any other is: \\x00ff
        return bytes.fromhex(cell.removeprefix("\\\\x"))
    return _unescaped(cell)


def _unescaped(cell: str) -> str:
    if "\\" not in cell:
        return cell
    out = []
    characters = iter(cell)
    for character in characters:
        if character == "\\":
            following = next(characters, "\\")
            character = _ESCAPES.get(following, following)
        out.append(character)
    return "".join(out)
