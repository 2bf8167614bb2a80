"""Databases as older versions of the program left them, with a row of most sorts, and all that a
database holds, its schema too, so that two can be compared."""

import sqlalchemy as sa
from sqlalchemy import Connection, inspect, text

from gateway.operations.office import MADE
from gateway.store import migrations
from gateway.store.engine import open_engine

VERSIONS = migrations.versions()
"""Every version of the schema, the oldest first."""
_ID = bytes(range(32))
_ROWS: tuple[tuple[str, dict[str, object]], ...] = (
    (
        "account",
        {"id": "ant", "name": "Ant", "currency": "EUR", "scale": 6, "credit_limit": 9}
        | {"status": "active", "created_at": 1},
    ),
    (
        "entry",
        {"seq": 1, "kind": "interval", "reference": "r", "at": 5, "memo": "", "hash": _ID},
    ),
    (
        "posting",
        {"entry_seq": 1, "line": 0, "account": "payer:ant", "currency": "EUR", "amount": 7},
    ),
    (
        "posting",
        {"entry_seq": 1, "line": 1, "account": "payee:ant", "currency": "EUR", "amount": -7},
    ),
    ("balance", {"account": "payer:ant", "currency": "EUR", "amount": 7}),
    ("balance", {"account": "payee:ant", "currency": "EUR", "amount": -7}),
    ("lease", {"name": "ingest", "token": 3, "holder": "other"}),
    (
        "run",
        {"number": 7, "currency": "EUR", "scale": 6, "state": "completed", "period_start": 1}
        | {"period_end": 2, "journal_head": _ID},
    ),
    (
        "token",
        {"id": "t", "name": "admin", "role": "admin", "secret_hash": _ID, "expires_at": None}
        | {"revoked_at": None},
    ),
    (
        "device",
        {"id": "d" * 32, "public_key": _ID, "account_id": "ant", "name": "one"}
        | {"status": "active", "created_at": 2},
    ),
    (
        "instruction",
        {"id": "run-7-ant", "run": 7, "account_id": "ant", "direction": "collect", "amount": 4}
        | {"currency": "EUR", "rail": "manual", "state": "done", "note": "n"},
    ),
    (
        "position",
        {"run": 7, "account": "ant", "debits": 5, "credits": 2, "carried": 1, "net": 4},
    ),
    ("statement", {"run": 7, "account": "ant", "message": b"statement"}),
    (
        "tariff",
        {"id": _ID, "name": "energy", "encoded": b"tariff", "unit": "W.h", "numerator": 300}
        | {"denominator": 1, "currency": "EUR", "scale": 6, "pricing": 0, "payee_account": "ant"}
        | {"window_units": 9, "max_capacity": 99, "max_lifetime_s": 999, "status": "active"}
        | {"created_at": 3},
    ),
    (
        "channel",
        {"id": _ID, "device_id": "d" * 32, "payer_account": "ant", "payee_account": "ant"}
        | {"tariff_id": _ID, "open_message": b"open", "opened_message": b"opened", "capacity": 99}
        | {"expires_at": 999, "window_units": 9, "serial": 1, "state": "open", "amount": 9}
        | {"units": 9, "iou": b"iou", "settled_amount": 7, "settled_units": 7, "opened_at": 4}
        | {"closed_at": None, "close_reason": None},
    ),
    (
        "evidence",
        {"channel_id": _ID, "id": "e", "kind": "contradiction", "message": b"two", "found_at": 5},
    ),
    (
        "interval",
        {"channel_id": _ID, "from_amount": 0, "to_amount": 7, "from_units": 0, "to_units": 7}
        | {"entry_seq": 1, "run": 7},
    ),
)
_SCHEMA = {
    "sqlite": "SELECT type, name, tbl_name, sql FROM sqlite_master",
    "postgresql": (
        "SELECT 'column', table_name || '.' || column_name, data_type || ' ' || is_nullable,"
        " column_default FROM information_schema.columns WHERE table_schema = 'public'"
        " UNION ALL SELECT 'constraint', conrelid::regclass::text || '.' || conname,"
        " pg_get_constraintdef(oid), NULL FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace"
        " UNION ALL SELECT 'index', indexname, indexdef, NULL FROM pg_indexes"
        " WHERE schemaname = 'public'"
        " UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid), NULL FROM pg_trigger"
        " WHERE NOT tgisinternal"
        " UNION ALL SELECT 'function', proname, prosrc, NULL FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace"
    ),
}


def make(url: str, version: str, gateway_key: bytes) -> None:
    """Make the database at this URL one that the first version filled and `version` left, of the
    gateway with this public key."""
    engine = open_engine(url)
    with engine.execution_options(tally_write=True).begin() as conn:
        migrations.upgrade_in(conn, VERSIONS[0])
        made = {"key": MADE, "value": gateway_key.hex()}
        for table, row in (*_ROWS, ("meta", made)):
            conn.execute(sa.table(table, *map(sa.column, row)).insert().values(row))
        migrations.upgrade_in(conn, version)
    engine.dispose()


def everything(url: str) -> list[str]:
    """All that a database holds: its schema, and every row of every table."""
    engine = open_engine(url)
    with engine.connect() as conn:
        found = _everything(conn)
    engine.dispose()
    return found


def _everything(conn: Connection) -> list[str]:
    schema = conn.execute(text(_SCHEMA[conn.dialect.name]))
    found = [repr([_sorted(each) for each in row]) for row in schema]
    for table in inspect(conn).get_table_names():
        rows = conn.exec_driver_sql(f'SELECT * FROM "{table}"').mappings()
        found += [repr((table, sorted(row.items()))) for row in rows]
    return sorted(found)


def _sorted(said: str | None) -> list[str]:
    """The lines of a definition: where a table is made anew, its constraints come in any order."""
    return sorted(line.strip(" \t,") for line in (said or "").splitlines())
