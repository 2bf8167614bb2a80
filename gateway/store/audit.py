"""The stored audit log: recording what operators do, and reading it back.

`record` belongs in the transaction that does it. Nothing secret may stand in a record, and no bank
account: it can never be deleted, though its details can be erased. Who did it and the subject stay
for good: the subject is an id. What a person may do is decided elsewhere.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from gateway.ledger import audit, chain
from gateway.ledger.audit import SALT_BYTES, Details, Record
from gateway.store import last
from gateway.store.tables import Base
from gateway.store.tables_audit import Audit as _Audit  # noqa: F401  (registers the table)

table = Base.metadata.tables["audit"]


def record(
    conn: Connection,
    action: str,
    subject: str,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    why: str = "",
) -> None:
    """Record in a write transaction what whoever the store acts for did to what has this id;
    `before` and `after` are what changed, `why` the reason that was given."""
    last.keep(
        conn,
        _write,
        (last.acting(conn), action, subject, _json(before), _json(after), why),
    )


def _json(value: Mapping[str, object] | None) -> str:
    return "" if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _write(conn: Connection, at: int, kept: list[tuple[str, str, str, str, str, str]]) -> None:
    seq, previous = head(conn)
    rows = []
    for who, action, subject, before, after, why in kept:
        seq += 1
        details = Details(last.random_bytes(conn, SALT_BYTES), before, after, why)
        made = Record(at, who, action, subject, details.committed(), details)
        previous = audit.link(previous, made)
        rows.append(
            {
                "seq": seq,
                "at": at,
                "who": who,
                "action": action,
                "subject": subject,
                "before": before,
                "after": after,
                "why": why,
                "salt": details.salt,
                "committed": made.committed,
                "hash": previous,
            }
        )
    conn.execute(insert(table), rows)


def head(conn: Connection) -> tuple[int, bytes]:
    """The last record's number and hash; (0, 32 zero bytes) of an empty log."""
    query = select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1)
    row = conn.execute(query).one_or_none()
    return (0, chain.START) if row is None else (int(row.seq), bytes(row.hash))


def hash_of(conn: Connection, seq: int) -> bytes | None:
    """The stored hash of a record; None if there is none of this number."""
    found = conn.execute(select(table.c.hash).where(table.c.seq == seq)).scalar_one_or_none()
    return None if found is None else bytes(found)


def records(conn: Connection) -> Iterator[tuple[int, Record, bytes]]:
    """All records in order, each with its number and stored hash. Streams."""
    query = select(table).order_by(table.c.seq)
    # Closed also where whoever reads stops early.
    with conn.execute(query, execution_options={"yield_per": 1000}) as rows:
        for row in rows:
            details = None
            if row.salt is not None:
                details = Details(bytes(row.salt), row.before, row.after, row.why)
            made = Record(
                int(row.at), row.who, row.action, row.subject, bytes(row.committed), details
            )
            yield int(row.seq), made, bytes(row.hash)


def erase(conn: Connection, which: ColumnElement[bool]) -> int:
    """Erase the details of these records, for good; how many had any left."""
    kept = table.c.salt.is_not(None)
    blank = {"before": "", "after": "", "why": "", "salt": None}
    return conn.execute(update(table).where(which, kept).values(**blank)).rowcount


def page(
    conn: Connection,
    *,
    before: int | None = None,
    limit: int = 100,
    since: int | None = None,
    until: int | None = None,
    **which: str | None,
) -> Sequence[Row[Any]]:
    """At most `limit` records, the newest first, with numbers below `before`, from `since` to
    before `until` (Unix seconds), and with these values of `who`, `action` and `subject`."""
    query = select(table).order_by(table.c.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(table.c.seq < before)
    if since is not None:
        query = query.where(table.c.at >= since)
    if until is not None:
        query = query.where(table.c.at < until)
    for name, value in which.items():
        if value is not None:
            query = query.where(table.c[name] == value)
    return conn.execute(query).all()
