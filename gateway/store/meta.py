"""Facts about this database itself, as text by key (which instance it is, whether restored)."""

from sqlalchemy import Connection, delete, insert, select

from gateway.store import last
from gateway.store.tables import Base

meta = Base.metadata.tables["meta"]


def get(conn: Connection, key: str) -> str | None:
    """The value of a key, None if it was never put."""
    return conn.execute(select(meta.c.value).where(meta.c.key == key)).scalar_one_or_none()


def put(conn: Connection, key: str, value: str) -> None:
    """Set a key's value. The rows that writers lock can't be put."""
    if key in ("journal", last.LOCK):
        raise ValueError(f"meta key: {key!r} is reserved")
    conn.execute(delete(meta).where(meta.c.key == key))
    conn.execute(insert(meta).values(key=key, value=value))
