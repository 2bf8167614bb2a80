"""Putting very many rows into a table at once, without what SQLAlchemy does for each value.

It would take a good part of a settlement run's time. Errors and events are SQLAlchemy's as ever.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, LargeBinary, Table


def insert_rows(
    conn: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows of integers, bytes and None for these columns, in the caller's transaction."""
    if not rows:
        return
    names = ", ".join(columns)
    if conn.dialect.name == "postgresql":
        # One statement for all of them: as many would each be planned, sent and answered. Binary,
        # since text is escaped value by value.
        kinds = (
            "bytea[]" if isinstance(table.columns[each].type, LargeBinary) else "bigint[]"
            for each in columns
        )
        arrays = ", ".join(f"%b::{kind}" for kind in kinds)
        insert = f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608
        conn.exec_driver_sql(insert, tuple(list(values) for values in zip(*rows, strict=True)))
        return
    marks = ", ".join("?" for _ in columns)
    insert = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608
    conn.exec_driver_sql(insert, list(rows))
